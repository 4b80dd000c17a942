// Shows HTML for client.js, which imports this for the first HTML part. Nodes that stay the same are left alone.

const nothing = () => {};
// What a node has of itself. A form has its fields as properties too, a document its forms and pictures, under whatever
// names the author of a part gave them: `form.remove` may be an <input>.
const own = (node, name) => Reflect.get(Object.getPrototypeOf(node), name, node);
const id = node => own(node, 'id'), after = node => own(node, 'nextSibling'), children = node => [...own(node, 'childNodes')];
const alike = (one, other) => own(one, 'nodeName') === own(other, 'nodeName');
// A stream of the page, not of a part in its frame.
const held = node => own(node, 'localName') === 'mixed-replace' && 'stream' in node;

// Puts a document in place of what is in `target`: into it if trusted, or else into its frame.
export async function html(target, text, { trusted, transition }, only, soon) {
  const parse = () => new DOMParser().parseFromString(text, 'text/html'), place = target.body ?? target;
  const change = async (page, update) => {
    const start = transition && own(page, 'startViewTransition');
    if (!start) return update();
    const { ready, finished, updateCallbackDone } = start.call(page, update);
    // It is skipped in a hidden page, and by the next part. In a frame that goes away it never comes.
    for (const promise of [ready, finished]) promise.catch(nothing);
    await soon(updateCallbackDone);
  };
  if (trusted) {
    const next = parse();
    // A parser's <noscript> holds elements; a <meta> of those would act.
    next.querySelectorAll('noscript').forEach(drop);
    return change(document, () => target.body ? morph(target.documentElement, own(next, 'documentElement')) : fill(target, own(next, 'body')));
  }
  // Without scripts, forms, windows and other pages for what is in it. Its document is within reach from here alone.
  const sandbox = 'allow-same-origin';
  const frame = only(place, 'iframe', `[sandbox=${sandbox}]`, { sandbox, title: document.title });
  const inside = name => frame.contentDocument && own(frame.contentDocument, name);
  if (inside('URL')?.startsWith('about:srcdoc') && inside('readyState') !== 'loading') {
    await change(frame.contentDocument, () => morph(inside('documentElement'), own(parse(), 'documentElement')));
  } else {
    frame.srcdoc = text;
    await soon(new Promise(done => frame.onload = done));
  }
  const root = inside('documentElement'), body = inside('body'), { style } = frame;
  if (!root || !body) return;
  body.ariaLive ??= 'polite';
  // As high as what is in it, unless that goes by the frame's height: then each part would be higher.
  style.height = root.offsetHeight + 'px';
  if (root.offsetHeight > parseInt(style.height)) style.height = '';
}

// Makes `old` like `next` with the elements that are there already.
function morph(old, next) {
  if (own(old, 'nodeType') !== 1) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  const had = own(old, 'attributes'), has = own(next, 'attributes');
  if (held(old) || had.getNamedItem('data-keep')) return;
  for (const { name } of [...had]) {
    // What somebody has opened stays open.
    if (!has.getNamedItem(name) && !/^(open|state|aria-(live|busy))$/.test(name)) had.removeNamedItem(name);
  }
  for (const attribute of has) {
    // By node, since a parser takes names that a setter refuses.
    if (had.getNamedItem(attribute.name)?.value !== attribute.value) had.setNamedItem(attribute.cloneNode());
  }
  fill(old, next);
}

function fill(old, next) {
  const page = own(old, 'ownerDocument'), active = own(page, 'activeElement');
  // What somebody types there is theirs.
  if (own(old, 'isContentEditable') && own(old, 'contains').call(old, active)) return;
  const olds = children(old), nodes = children(next);
  const known = new Map(olds.map(node => [id(node), node])), free = olds.filter(node => !id(node));
  // One with an id wherever it is, another nearby: a part may hold any number of nodes.
  let from = 0;
  const found = nodes.map(node => {
    if (id(node)) {
      const same = known.get(id(node));
      return known.delete(id(node)) && alike(same, node) ? same : null;
    }
    for (let at = from; at < from + 20 && at < free.length; at++) if (alike(free[at], node)) return free[from = at, from++];
    return null;
  });
  const weigh = node => {
    const has = (name, other) => own(node, name)?.call(node, other);
    return has('contains', active) ? 1e9 : has('matches', MOVED) || has('querySelector', MOVED) ? 1e4 : 1;
  };
  const stays = stay(olds, found, weigh);
  const kept = new Set(found);
  for (const node of olds) kept.has(node) || drop(node);
  const insert = own(old, 'insertBefore'), move = own(old, 'moveBefore') ?? insert;
  let at = own(old, 'firstChild');
  nodes.forEach((node, number) => {
    const same = found[number];
    if (!same) return insert.call(old, own(page, 'importNode').call(page, node, true), at);
    if (same === at || stays.has(same)) at = after(same);
    // Two of these keep their order rather than lose what they hold.
    else if (move !== insert || weigh(same) < 2) move.call(old, same, at);
    morph(same, node);
  });
}

// What a browser loads or plays again where it is moved without `moveBefore`.
const MOVED = 'audio,embed,iframe,mixed-replace,object,video';

// Returns those of the found nodes that stay where they are while the others move around them: the heaviest of the sets whose
// order is right already.
function stay(olds, found, weigh) {
  const index = new Map(olds.map((node, at) => [node, at])), stays = new Set(), tree = [];
  let most, last = -1;
  // Mostly nothing moves.
  if (found.every(node => !node || index.get(node) > last && (last = index.get(node)) >= 0)) return new Set(found);
  for (const node of found) {
    if (!node) continue;
    // A Fenwick tree: the heaviest end at a lower index.
    let before;
    const at = index.get(node);
    for (let i = at; i; i &= i - 1) if (tree[i] && !(before?.sum >= tree[i].sum)) before = tree[i];
    const end = { node, before, sum: weigh(node) + (before?.sum ?? 0) };
    for (let i = at + 1; i <= olds.length; i += i & -i) if (!(tree[i]?.sum >= end.sum)) tree[i] = end;
    if (!(most?.sum >= end.sum)) most = end;
  }
  for (; most; most = most.before) stays.add(most.node);
  return stays;
}

// Removes a node, but no stream.
export function drop(node) {
  if (held(node)) return;
  own(node, 'remove').call(node);
  URL.revokeObjectURL(node.blob);
}
