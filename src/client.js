// A stream of parts in a page: each part replaces the one before it, in every browser.
//
//   <script type="module" src="/client.js"></script>
//   <mixed-replace src="/status"></mixed-replace>                     the parts appear here
//   <mixed-replace src="/status" target="#board"></mixed-replace>     they appear there, and the state here, in words
//   <mixed-replace src="/status" target="html" trusted></mixed-replace>    they are the page
//
// HTML appears in a sandboxed frame where no script runs, or with `trusted` in the page itself; a picture in an <img>, any
// other text in a <pre>. What stays the same is left alone, so focus, scroll position and half-typed input stay too.
//
//   state="…"      connecting, live, stale, reconnecting, ended, or paused (the tab is hidden); data-live="…" words it
//   timeout="25"   seconds of silence until it is stale; after twice as many it connects anew
//   again="30"     seconds from an end to the next try; without, an end is final
//   limit="…"      the largest part, in bytes
//   show-age       keeps age="…", the seconds since the last new part, and words it where it words the state; with
//                  age="40" from the start, what the page came with is so old
//   background     stays connected in a hidden tab
//   motion         shows pictures as they come also to who prefers reduced motion, and otherwise gets one a second
//
// Events: `state`, and `part`, which can be cancelled by who shows the part in another way. Each part has its event; of those
// that come faster than they can be shown, only the newest is shown.

const nothing = () => {};
const text = (part, coding) => new TextDecoder(coding).decode(part.body);
// What may never come in a hidden tab: a painted picture, a loaded frame, a turn to draw.
const soon = (promise, ms = 1000) => Promise.race([promise, new Promise(done => setTimeout(done, ms))]);

// What a node has of itself. A form has its fields as properties too, a document its forms and pictures, under whatever
// names the author of a part gave them: `form.remove` may be an <input>.
const own = (node, name) => Reflect.get(Object.getPrototypeOf(node), name, node);
const id = node => own(node, 'id'), after = node => own(node, 'nextSibling'), children = node => [...own(node, 'childNodes')];
const alike = (one, other) => own(one, 'nodeName') === own(other, 'nodeName');
// A stream of the page, not of a part in its frame.
const held = node => own(node, 'localName') === 'mixed-replace' && node.stream;

// The parts of a response, as they come; returns at the close-delimiter. A part is given out when the delimiter behind it
// is there: a wrong length or a cut gives an error, never a torn part. Who leaves early aborts the fetch.
export async function* parts(response, limit = 2 ** 24, onchunk) {
  const type = response.headers.get('content-type');
  const boundary = /^multipart\/.*boundary="?([^";]+)/i.exec(type)?.[1];
  if (!boundary) throw Error(`no stream: ${response.status} ${type}`);
  const delimiter = '\r\n--' + boundary, reader = response.body.getReader();
  // As if a line had ended before the first delimiter.
  let chunk = Uint8Array.of(13, 10), done;
  const take = async length => {
    const taken = new Uint8Array(length);
    for (let at = 0; ;) {
      const some = chunk.subarray(0, length - at);
      taken.set(some, at);
      at += some.length;
      chunk = chunk.subarray(some.length);
      if (at === length) return taken;
      ({ done, value: chunk } = await reader.read());
      if (done) throw Error('cut off');
      onchunk?.();
    }
  };
  const letters = async length => String.fromCharCode(...await take(length));

  for (let part; ;) {
    if (await letters(delimiter.length) !== delimiter) throw Error('length');
    if (part) yield part;
    let head = await letters(2);
    if (head === '--') return;
    while (!head.endsWith('\r\n\r\n')) {
      head += await letters(1);
      if (head.length > 16384) throw Error('length');
    }
    const headers = new Headers(head.trim().split('\r\n').map(line => line.split(/:(.*)/, 2)));
    const length = headers.get('content-length');
    if (!(length > 0 && +length <= limit)) throw Error('length');
    part = { type: headers.get('content-type') ?? '', headers, body: await take(+length) };
  }
}

// Keeps a stream open, whatever becomes of it. Knows nothing of elements.
export function watch(url, { onpart, onstate = nothing, timeout = 25, again, limit, background }) {
  const page = globalThis.document, over = new AbortController();
  let connection, wait, tries = 0, state;
  const say = (next, error) => {
    if (state !== next) onstate(state = next, error);
  };
  const stop = () => {
    clearTimeout(wait);
    connection = connection?.abort();
  };

  const connect = async () => {
    stop();
    const own = connection = new AbortController(), { signal } = own, began = Date.now();
    let heard = began, fresh = began, pause = 0, error;
    const clock = setInterval(() => {
      const now = Date.now();
      if (now - heard > 2000 * timeout) own.abort(Error('silence'));
      else if (now - fresh > 1000 * timeout) say('stale');
      // What has ended may show its last part once more, and end.
      else if (fresh > began && now - began > 500) say('live');
    }, 200);
    try {
      const response = await fetch(url, { headers: { accept: 'multipart/mixed' }, signal });
      pause = Math.min(+response.headers.get('retry-after'), 600) || 0;
      for await (const part of parts(response, limit, () => heard = Date.now())) {
        if (!signal.aborted) await onpart(part);
        if (signal.aborted) break;
        fresh = Date.now() + 1;
        if (state !== 'ended') say('live');
      }
    } catch (why) {
      error = signal.reason ?? why;
    }
    clearInterval(clock);
    if (own !== connection) return;
    own.abort();
    say(error ? 'reconnecting' : 'ended', error);
    if (!error && !again) return;
    tries = Date.now() - began > 5000 ? 0 : Math.min(tries + 1, 5);
    // Growing, never the same for all that were cut off together, never earlier than the server asks for.
    pause = Math.max(pause, error ? 2 ** tries / 2 : again) * (1 + Math.random());
    wait = setTimeout(connect, pause * 1000);
  };

  const look = () => {
    if (state === 'ended' && !again) return;
    if (page?.hidden && !background) say('paused', stop());
    else connect();
  };
  page?.addEventListener('visibilitychange', look, over);
  say('connecting');
  look();
  return { close: () => [over.abort(), stop(), say('ended')] };
}

// Shows a stream in an element, an <img>, or the document.
export function mixedReplace(url, target, { host = target.documentElement ?? target, ...options } = {}) {
  const tell = (type, detail) => host.dispatchEvent(new CustomEvent(type, { detail, cancelable: true }));
  const place = target.body ?? target;
  let last, next, showing, rest;
  place.ariaLive ??= 'polite';
  place.ariaBusy = !place.firstElementChild;
  // One part a frame. The newest waits for its turn, and those before it are left out.
  const run = async () => {
    for (let part; part = next;) {
      next = 0;
      await show(target, part, options.trusted).catch(console.error);
      const still = part.type.startsWith('image/') && !options.motion && matchMedia('(prefers-reduced-motion)').matches;
      await soon(new Promise(still ? nothing : requestAnimationFrame));
    }
    showing = 0;
  };
  return watch(url, {
    ...options,
    async onpart(part) {
      // A keep-alive is the last part again.
      const now = part.type + text(part, 'latin1');
      if (now !== last) next = tell('part', part) && part;
      last = now;
      showing ||= next && run();
      // However much there is to read, the page has its turn.
      if (!(Date.now() < rest)) {
        await soon(showing, 0);
        rest = Date.now() + 20;
      }
      place.ariaBusy = false;
    },
    onstate(state, error) {
      host.setAttribute('state', state);
      tell('state', { state, error });
    },
  });
}

// Puts one part in place of what is there.
export async function show(target, part, trusted) {
  const place = target.body ?? target, is = type => part.type.startsWith(type);
  if (is('image/')) {
    const image = place.matches('img') ? place : only(place, 'img', '', { alt: document.title });
    const before = image.src;
    image.src = URL.createObjectURL(new Blob([part.body], part));
    URL.revokeObjectURL(before);
    // The next part waits until this one can be painted.
    await soon(image.decode().catch(nothing));
  } else if (!is('text/html')) {
    only(place, 'pre', '').textContent = text(part);
  } else if (trusted) {
    const next = parse(part);
    // A parser's <noscript> holds elements; a <meta> of those would act.
    next.querySelectorAll('noscript').forEach(drop);
    if (target.body) morph(target.documentElement, own(next, 'documentElement'));
    else fill(target, own(next, 'body'));
  } else {
    // Without scripts, forms, windows and other pages for what is in it. Its document is within reach from here alone.
    const sandbox = 'allow-same-origin';
    const frame = only(place, 'iframe', `[sandbox=${sandbox}]`, { sandbox, title: document.title });
    const inside = name => frame.contentDocument && own(frame.contentDocument, name);
    if (inside('URL')?.startsWith('about:srcdoc') && inside('readyState') !== 'loading') {
      morph(inside('documentElement'), own(parse(part), 'documentElement'));
    } else {
      frame.srcdoc = text(part);
      await soon(new Promise(done => frame.onload = done));
    }
    const root = inside('documentElement'), { style } = frame;
    if (!root) return;
    inside('body').ariaLive ??= 'polite';
    // As high as what is in it, unless that goes by the frame's height: then each part would be higher.
    style.height = root.offsetHeight + 'px';
    if (root.offsetHeight > parseInt(style.height)) style.height = '';
  }
}

// The child of this kind, and nothing beside it.
function only(place, tag, kind, properties) {
  const child = place.querySelector(':scope > ' + tag + kind) ?? Object.assign(document.createElement(tag), properties);
  children(place).forEach(node => node !== child && drop(node));
  if (!child.parentNode) place.prepend(child);
  return child;
}

function parse(part) {
  return new DOMParser().parseFromString(text(part), 'text/html');
}

// Makes `old` like `next` with the elements that are there already.
function morph(old, next) {
  if (own(old, 'nodeType') !== 1) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  if (held(old)) return;
  const had = own(old, 'attributes'), has = own(next, 'attributes');
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
  const nodes = children(next), wanted = new Set(nodes.map(id));
  const known = new Map(children(old).map(node => [id(node), node]));
  const insert = node => own(old, 'insertBefore').call(old, node, at);
  let at = own(old, 'firstChild');
  for (const node of nodes) {
    // One with an id wherever it is, another nearby: a part may hold any number of nodes.
    let same = id(node) ? known.get(id(node)) : at;
    for (let i = 0; !id(node) && i < 20 && same && (id(same) || !alike(same, node)); i++) same = after(same);
    if (same && alike(same, node) && !id(same) === !id(node)) {
      known.delete(id(node));
      while (at && at !== same && !held(at) && !(id(at) && wanted.has(id(at)))) at = drop(at);
      if (at === same) at = after(at);
      else insert(same);
      morph(same, node);
    } else {
      const page = own(old, 'ownerDocument');
      insert(own(page, 'importNode').call(page, node, true));
    }
  }
  while (at) at = drop(at);
}

// Removes a node, but no stream. Returns the one behind it.
function drop(node) {
  const behind = after(node);
  if (!held(node)) own(node, 'remove').call(node);
  return behind;
}

globalThis.customElements?.define('mixed-replace', class extends HTMLElement {
  connectedCallback() {
    const options = Object.fromEntries([...this.attributes].map(({ name, value }) => [name, value || name]));
    const place = document.querySelector(options.target), ago = document.createElement('small');
    const tick = () => {
      const age = (Date.now() - since) / 1000 | 0;
      this.setAttribute('age', age);
      const [unit, seconds] = age < 100 ? ['second', 1] : age < 6000 ? ['minute', 60] : ['hour', 3600];
      ago.textContent = new Intl.RelativeTimeFormat(document.documentElement.lang || []).format(-(age / seconds | 0), unit);
    };
    let since = Date.now() - 1000 * (options.age ?? 0), old = options.age;
    // To be seen, not to be read out each second.
    ago.ariaHidden = true;
    this.addEventListener('part', () => old ? old = 0 : since = Date.now());
    this.addEventListener('state', ({ detail: { state } }) => place && this.replaceChildren((this.dataset[state] ?? state) + ' ', ago));
    if (options['show-age']) this.clock = setInterval(tick, 1000, tick());
    this.stream = mixedReplace(options.src, place?.matches('html') ? document : place ?? this, { ...options, host: this });
  }

  disconnectedCallback() {
    clearInterval(this.clock);
    this.stream.close();
  }
});
