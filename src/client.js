// A stream of parts in a page: each part replaces the one before it, in every browser.
//
//   <script type="module" src="/client.js"></script>
//   <mixed-replace src="/status"></mixed-replace>                     the parts appear here
//   <mixed-replace src="/status" target="#board"></mixed-replace>     they appear there, and the state here, in words
//   <mixed-replace src="/status" target="document" trusted></mixed-replace>
//
// HTML appears in a sandboxed frame where no script runs, or with `trusted` in the page itself; a picture in an <img>, any
// other text in a <pre>. What stays the same is left alone, so focus, scroll position and half-typed input stay too.
//
//   state="…"      connecting, live, stale, reconnecting, ended, or paused (the tab is hidden); data-live="…" words it
//   timeout="25"   seconds of silence until it is stale; after twice as many it connects anew
//   again="30"     seconds from an end to the next try; without, an end is final
//   limit="…"      the largest part, in bytes
//   show-age       keeps age="…", the seconds since the last new part
//   background     stays connected in a hidden tab
//
// Events: `state`, and `part`, which can be cancelled by who shows the part in another way.

const TAG = 'mixed-replace';
const text = (part, coding) => new TextDecoder(coding).decode(part.body);

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
    if (!(length > 0 && length <= limit)) throw Error('length');
    part = { type: headers.get('content-type') ?? '', headers, body: await take(+length) };
  }
}

// Keeps a stream open, whatever becomes of it. Knows nothing of elements.
export function watch(url, { onpart, onstate = () => {}, timeout = 25, again, limit, background }) {
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
  let last;
  target.ariaLive ??= 'polite';
  target.ariaBusy = !target.firstElementChild;
  return watch(url, {
    ...options,
    async onpart(part) {
      // A keep-alive is the last part again.
      const now = part.type + text(part, 'latin1');
      if (now !== last && tell('part', part)) await show(target, part, options.trusted);
      last = now;
      target.ariaBusy = false;
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
    // The next part waits, here and at the server, until this one can be painted.
    await image.decode().catch(() => {});
  } else if (!is('text/html')) {
    only(place, 'pre', '').textContent = text(part);
  } else if (trusted) {
    if (target.body) morph(target.documentElement, parse(part).documentElement);
    else children(target, parse(part).body);
  } else {
    // Without scripts, forms, windows and other pages for what is in it. Its document is within reach from here alone.
    const sandbox = 'allow-same-origin';
    const frame = only(place, 'iframe', `[sandbox=${sandbox}]`, { sandbox, title: document.title });
    const inside = frame.contentDocument;
    if (inside?.URL.startsWith('about:srcdoc') && inside.readyState !== 'loading') {
      morph(inside.documentElement, parse(part).documentElement);
    } else {
      frame.srcdoc = text(part);
      await new Promise(done => setTimeout(frame.onload = done, 1000));
    }
    // As high as what is in it.
    frame.style.height = frame.contentDocument?.documentElement.offsetHeight + 'px';
  }
}

// The child of this kind, and nothing beside it.
function only(place, tag, kind, properties) {
  const child = place.querySelector(':scope > ' + tag + kind) ?? Object.assign(document.createElement(tag), properties);
  [...place.childNodes].forEach(node => node !== child && drop(node));
  if (!child.parentNode) place.prepend(child);
  return child;
}

function parse(part) {
  return new DOMParser().parseFromString(text(part), 'text/html');
}

// Makes `old` like `next` with the elements that are there already.
function morph(old, next) {
  if (old.nodeType !== 1) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  if (old.localName === TAG) return;
  for (const { name } of [...old.attributes]) {
    // What somebody has opened stays open.
    if (!next.hasAttribute(name) && name !== 'open' && name !== 'state') old.removeAttribute(name);
  }
  for (const attribute of next.attributes) {
    // By node, since a parser takes names that a setter refuses.
    if (old.getAttribute(attribute.name) !== attribute.value) old.setAttributeNode(attribute.cloneNode());
  }
  children(old, next);
}

function children(old, next) {
  // A parser's <noscript> holds elements; a <meta> of those would act.
  const nodes = [...next.childNodes].filter(node => node.localName !== 'noscript');
  const known = new Map([...old.childNodes].map(node => [node.id, node])), wanted = new Set(nodes.map(node => node.id));
  let at = old.firstChild;
  for (const node of nodes) {
    // One with an id wherever it is, another nearby: a part may hold any number of nodes.
    let same = node.id ? known.get(node.id) : at;
    for (let i = 0; !node.id && i < 20 && same && (same.id || same.nodeName !== node.nodeName); i++) same = same.nextSibling;
    if (same?.nodeName === node.nodeName && !same.id === !node.id) {
      known.delete(node.id);
      while (at && at !== same && at.localName !== TAG && !(at.id && wanted.has(at.id))) at = drop(at);
      if (at === same) at = at.nextSibling;
      else old.insertBefore(same, at);
      morph(same, node);
    } else {
      old.insertBefore(old.ownerDocument.importNode(node, true), at);
    }
  }
  while (at) at = drop(at);
}

// Removes a node, but no stream. Returns the one behind it.
function drop(node) {
  const behind = node.nextSibling;
  if (node.localName !== TAG) node.remove();
  return behind;
}

globalThis.customElements?.define(TAG, class extends HTMLElement {
  connectedCallback() {
    const options = Object.fromEntries([...this.attributes].map(({ name, value }) => [name, value || name]));
    const place = document.querySelector(options.target);
    let since = Date.now();
    this.addEventListener('part', () => since = Date.now());
    this.addEventListener('state', event => {
      if (place) this.textContent = this.dataset[event.detail.state] ?? event.detail.state;
    });
    this.clock = setInterval(() => options.age && this.setAttribute('age', (Date.now() - since) / 1000 | 0), 1000);
    this.stream = mixedReplace(options.src, place?.matches('html') ? document : place ?? this, { ...options, host: this });
  }

  disconnectedCallback() {
    clearInterval(this.clock);
    this.stream.close();
  }
});
