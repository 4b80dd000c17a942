// Shows a stream of parts in a page. Each part replaces the previous one, in Chromium, Firefox and WebKit.
//
//   <script type="module" src="/client.js"></script>
//   <mixed-replace src="/status"></mixed-replace>                          shows the parts in the element itself
//   <mixed-replace src="/status" target="#board"></mixed-replace>          shows them there, and the state here, in words
//   <mixed-replace src="/status" target="html" trusted></mixed-replace>    makes each part the page
//   <mixed-replace src="/wall#yard"><img alt="The yard"></mixed-replace>   shows one of the tracks of /wall in the <img>
//
// HTML appears in a sandboxed frame, in which no script runs, or with `trusted` in the page itself; a picture in an <img>, any
// other text in a <pre>. Elements that stay the same are left alone, so focus, scroll position and half-typed input survive.
//
//   src            the address; without one the element opens no connection. With a fragment, that track of the address:
//                  elements with the same address, `credentials`, `limit` and `headers` share one request, for those in view
//   target         a selector: where the parts appear
//   trusted        puts HTML into the page itself, without a frame
//   credentials    as for fetch(): same-origin, include or omit
//   timeout="25"   seconds without a part until the stream is stale; after twice as many without a byte it reconnects
//   again="30"     seconds from an end or a denial to the next try, at least 1; unset, no try follows by itself
//   limit="…"      the largest part, in bytes; 16 MiB unless set
//   show-age       keeps age="…", the seconds since the last new part, and words it where it words the state; an initial
//                  age="40" is the age of the part that is in the page already
//   background     stays connected in a hidden tab, and a track also outside the view
//   motion         shows pictures at full rate also to readers who prefer reduced motion; they get one a second otherwise
//
// A number that is not positive, or not a number, counts as unset. Each attribute may be set, changed or removed at any time;
// changes made together reconnect once. The property `headers` holds request headers, as fetch() accepts them, or a function
// that returns them or a promise of them. The client calls it for each connection, so that a token may expire.
//
// The element keeps its state in `state`, and `data-live="…"` and its like word it:
//
//   connecting     no part has come yet
//   live           parts or keep-alives come
//   stale          none has come for `timeout` seconds
//   reconnecting   the connection failed, or the track is unknown; the client tries again after a growing pause
//   denied         the server answered 401 or 403
//   ended          the server ended the stream or the track
//   paused         the tab is hidden, or the element of a track is out of view
//
// Changing an attribute or `headers` reconnects in every state. Showing the tab reconnects once in every state but `live` and,
// without `again`, `ended`. Hiding the tab never reconnects.
//
// Events: `state`; `part`, for each part, also for one that is skipped because a newer one came before it could be shown; its
// default action shows the part. `error`, for a part that cannot be shown, such as a damaged picture: the previous one stays.

const nothing = () => {};
// Returns a positive number, or `other` for any other value. Attributes are strings; without a value they hold their name.
const positive = (value, other) => `${value}` > 0 ? +value : other;
const text = ({ type, body }) => {
  let decoder;
  try {
    decoder = new TextDecoder(/charset="?([^";]+)/i.exec(type)?.[1]);
  } catch {
    // A label that the Encoding Standard does not list.
    decoder = new TextDecoder();
  }
  return decoder.decode(body);
};
// What may never come in a hidden tab: a painted picture, a loaded frame, a turn to draw.
const soon = (promise, ms = 1000, timer) =>
  Promise.race([promise, new Promise(done => timer = setTimeout(done, ms))]).finally(() => clearTimeout(timer));
// Viewers cut off together do not return together, but the tracks of a page do.
const chance = 1 + Math.random();
let rest = 0;

// What a node has of itself. A form has its fields as properties too, a document its forms and pictures, under whatever
// names the author of a part gave them: `form.remove` may be an <input>.
const own = (node, name) => Reflect.get(Object.getPrototypeOf(node), name, node);
const id = node => own(node, 'id'), after = node => own(node, 'nextSibling'), children = node => [...own(node, 'childNodes')];
const alike = (one, other) => own(one, 'nodeName') === own(other, 'nodeName');
// A stream of the page, not of a part in its frame.
const held = node => own(node, 'localName') === 'mixed-replace' && 'stream' in node;

// Iterates over the parts of a response as they come, and returns at the close-delimiter. A part is yielded once the delimiter
// after it has come: a wrong length or a cut throws, and no part is torn. Leaving the loop closes the connection.
export async function* parts(response, limit, onchunk) {
  const type = response.headers.get('content-type');
  const boundary = /^multipart\/.*boundary="?([^";]+)/i.exec(type)?.[1];
  if (!boundary) throw Object.assign(Error(`no stream: ${response.status} ${type}`), { response });
  const delimiter = '\r\n--' + boundary, reader = response.body.getReader();
  // As if a line had ended before the first delimiter. Streams of events send that line end themselves.
  let chunk = Uint8Array.of(13, 10);
  const more = async () => {
    const { done, value } = await reader.read();
    if (done) throw Error('cut off');
    chunk = value;
    onchunk?.();
  };
  // Returns at most so many of the bytes that have come.
  const cut = length => {
    const some = chunk.subarray(0, length);
    chunk = chunk.subarray(some.length);
    return some;
  };
  const take = async length => {
    const taken = new Uint8Array(length);
    for (let at = 0; ; await more()) {
      const some = cut(length - at);
      taken.set(some, at);
      at += some.length;
      if (at === length) return taken;
    }
  };
  const letters = bytes => String.fromCharCode(...bytes);

  limit = positive(limit, 2 ** 24);
  try {
    for (let part; ;) {
      let line = letters(await take(delimiter.length));
      if (!part && line.startsWith('\r\n\r\n')) line = line.slice(2) + letters(await take(2));
      if (line !== delimiter) throw Error('length');
      // However much there is to read, the page has its turn.
      if (Date.now() > rest) {
        await new Promise(done => setTimeout(done));
        rest = Date.now() + 20;
      }
      if (part) yield part;
      let head = letters(await take(2));
      if (head === '--') return;
      while (!head.endsWith('\r\n\r\n')) {
        if (!chunk.length) await more();
        // A line at a time, as far as it has come.
        head += letters(cut(Math.min(chunk.indexOf(10) + 1 || 9999, 9999)));
        if (head.length > 16384) throw Error('length');
      }
      const headers = new Headers(head.trim().split('\r\n').map(line => line.split(/:(.*)/, 2)));
      const length = +headers.get('content-length');
      if (!(length > 0 && length <= limit && length % 1 === 0)) throw Error('length');
      part = { type: headers.get('content-type') ?? '', headers, body: await take(length) };
    }
  } finally {
    // After a failure this rejects with the same error.
    reader.cancel().catch(nothing);
  }
}

const request = async (url, { headers, credentials }, signal) => {
  const given = [typeof headers === 'function' ? headers() : headers, new Promise((_, fail) => signal.onabort = fail)];
  const sent = new Headers(await Promise.race(given));
  sent.set('accept', 'multipart/mixed');
  return fetch(url, { headers: sent, credentials, signal });
};

// Keeps a stream, or a track of one, open through all failures. Of elements it knows whether `place` is in view.
export function watch(url, options) {
  const { onpart, onstate = nothing, background, place } = options;
  const page = globalThis.document, over = new AbortController(), [address, name] = `${url}`.split('#');
  const timeout = 1000 * positive(options.timeout, 25), again = positive(options.again);
  let connection, clock, wait, tries = 0, state, seen = true;
  const say = (next, error) => {
    if (state !== next) onstate(state = next, error);
  };
  const stop = () => {
    clearTimeout(wait);
    clearInterval(clock);
    connection = connection?.abort();
  };

  const connect = async () => {
    stop();
    const own = connection = new AbortController(), { signal } = own, began = Date.now();
    let heard = began, fresh = began, error;
    const hear = () => heard = Date.now();
    const take = async part => {
      if (signal.aborted) return;
      // A slow `onpart` is not silence: bytes may be waiting.
      heard = Infinity;
      await onpart(part);
      if (signal.aborted) return;
      fresh = 1 + hear();
      if (state !== 'ended') say('live');
    };
    clock = setInterval(() => {
      const now = Date.now();
      if (now - heard > 2 * timeout) own.abort(Error('silence'));
      else if (now - fresh > timeout) say('stale');
      // What has ended may show its last part once more, and end.
      else if (fresh > began && now - began > 500) say('live');
    }, 200);
    try {
      if (name) {
        await follow(new URL(address, page?.baseURI).href, options, {
          name: decodeURIComponent(name), hear, take, signal,
          // What the server says of it, or of others only: then all is as it was, like after a keep-alive.
          tell(word) {
            const waiting = word === 'waiting';
            if (fresh === began) waiting && say('connecting');
            else if (waiting) fresh = 1;
            else if (word || fresh > 1) fresh = 1 + Date.now();
          },
        });
      } else {
        for await (const part of parts(await request(url, options, signal), options.limit, hear)) await take(part);
      }
    } catch (why) {
      error = signal.reason ?? why;
    }
    if (own !== connection) return;
    stop();
    const answer = error?.response, denied = /40[13]/.test(answer?.status), settled = denied || !error;
    tries = Date.now() - began > 5000 ? 1 : Math.min(tries + 1, 5);
    // Growing, and never shorter than Retry-After.
    const pause = Math.max(Math.min(answer?.headers.get('retry-after'), 600) || 0, settled ? again : 2 ** tries / 2, 1) * chance;
    // A timer of more than 2^31 ms fires at once.
    if (!settled || again) wait = setTimeout(connect, Math.min(pause * 1000, 2e9));
    // Last, since `onstate` may close the stream.
    say(denied ? 'denied' : error ? 'reconnecting' : 'ended', error);
  };

  const turn = event => {
    if (state === 'ended' && !again) return;
    if (!background && (page?.hidden || !seen)) say('paused', stop());
    // With `background` a tab that is hidden keeps what it has.
    else if (state !== 'live' && !(event && page.hidden)) connect();
  };
  const observer = name && place && !background && new IntersectionObserver(entries => {
    if (seen !== (seen = entries.at(-1).isIntersecting)) turn();
  }, { rootMargin: '99px' });
  page?.addEventListener('visibilitychange', turn, over);
  say('connecting');
  // It tells at once. The place may be an inline element, as high as a line.
  if (observer) seen = observer.observe(picture(place) ?? place);
  else turn();
  // Quietly, where another stream takes its place.
  return { close: quiet => [over.abort(), observer?.disconnect(), stop(), quiet || say('ended')] };
}

const picture = place => place.matches('img') ? place : place.querySelector(':scope > img');
const walls = new Set();

// Follows a track until its end. Those with the same address and options share a request. When their set changes, another is
// opened beside the running one, and its first part ends that.
function follow(url, { headers, credentials, limit }, track) {
  const key = [url, headers, credentials, limit];
  const wall = [...walls].find(({ key: other }) => key.every((value, at) => value === other[at])) ?? share(key);
  // Without an error it is an end as well.
  return new Promise((_, end) => wall.add({ ...track, end }));
}

function share(key) {
  const tracks = new Set(), [url, headers, credentials, limit] = key;
  let running, next, due;
  const wall = {
    key,
    add(track) {
      tracks.add(track);
      track.signal.onabort = () => end(track, track.signal.reason);
      // The server sends it no second time.
      give(track, running?.latest[track.name]);
      renew();
    },
  };
  const give = (track, part) => part && track.take(part).catch(error => end(track, error));
  const end = (track, error) => tracks.delete(track) && renew(track.end(error));
  // Changes made together, such as by scrolling, are one.
  const renew = () => due ??= setTimeout(turn, running ? 250 : 50);
  const turn = () => {
    due = clearTimeout(due);
    const names = [...new Set([...tracks].map(track => track.name))].sort();
    const alike = request => JSON.stringify(names) === JSON.stringify(request?.names);
    if (alike(next)) return;
    next = next?.abort();
    if (!names[0]) running = running?.abort(walls.delete(wall));
    else if (!alike(running)) open(names);
  };
  const open = async names => {
    const own = next = new AbortController();
    own.names = names;
    own.latest = { __proto__: null };
    const mine = () => [...tracks].filter(({ name }) => own.names.includes(name));
    let error;
    try {
      const response = await request(`${url}${url.includes('?') ? '&' : '?'}of=${names.map(encodeURIComponent)}`, { headers, credentials }, own.signal);
      for await (const part of parts(response, limit, () => tracks.forEach(track => track.hear()))) {
        if (own === next) {
          running?.abort();
          running = own;
          next = null;
        }
        // What it still holds is older than what the other request has.
        if (own !== running) return;
        const location = part.headers.get('content-location');
        if (location) {
          const name = decodeURIComponent(location.split('/').pop());
          if (own.names.includes(name)) own.latest[name] = part;
          tracks.forEach(track => track.name === name && give(track, part));
        } else if (/json/.test(part.type)) {
          const words = JSON.parse(text(part)).tracks;
          for (const track of mine()) {
            const word = words[track.name];
            if (word === 'ended') {
              own.names = own.names.filter(name => name !== track.name);
              end(track);
            } else track.tell(word);
          }
        }
      }
    } catch (why) {
      error = why;
    }
    // The body of a refusal is not read.
    own.abort();
    if (own === next) next = null;
    else if (own === running) running = null;
    else return;
    // Those that the other request has go on, and those that the server knows are asked for again.
    const lost = mine().filter(({ name }) => !(running ?? next)?.names.includes(name));
    const unknown = error?.response?.headers.get('x-unknown-tracks')?.split(',').map(decodeURIComponent);
    const gone = mine().filter(({ name }) => unknown?.includes(name));
    (gone[0] ? gone : lost).forEach(track => end(track, error));
    turn();
  };
  walls.add(wall);
  return wall;
}

// What is being shown, by the element in which it appears.
const turns = new WeakMap();

// Shows a stream in an element, an <img>, or the document.
export function mixedReplace(url, target, { host = target.documentElement ?? target, ...options } = {}) {
  const tell = (type, detail) => host.dispatchEvent(new CustomEvent(type, { detail, cancelable: true }));
  const place = target.body ?? target;
  let last, next, showing;
  place.ariaLive ??= 'polite';
  place.ariaBusy = !place.firstElementChild;
  // One part a frame. The newest waits for its turn, and those before it are left out.
  const run = async () => {
    // Another stream may have been in this place.
    await turns.get(place);
    for (let part; part = next;) {
      next = 0;
      const turn = show(target, part, options.trusted).catch(error => tell('error', { part, error }) && console.error(error));
      turns.set(place, turn);
      await turn;
      const still = part.type.startsWith('image/') && !options.motion && matchMedia('(prefers-reduced-motion)').matches;
      await soon(new Promise(still ? nothing : requestAnimationFrame));
    }
    showing = 0;
  };
  const stream = watch(url, {
    ...options,
    place,
    onpart(part) {
      // A keep-alive is the last part again.
      const { type, body } = part, same = type === last?.type && body.length === last.body.length && body.every((byte, at) => byte === last.body[at]);
      if (!same) next = tell('part', part) && part;
      last = part;
      showing ||= next && run();
      if (place.ariaBusy !== 'false') place.ariaBusy = false;
    },
    onstate(state, error) {
      host.setAttribute('state', state);
      tell('state', { state, error });
    },
  });
  return {
    async close(quiet) {
      next = 0;
      stream.close(quiet);
      await turns.get(place);
      URL.revokeObjectURL(picture(place)?.blob);
    },
  };
}

// Puts one part in place of what is there.
export async function show(target, part, trusted) {
  const place = target.body ?? target, is = type => part.type.startsWith(type);
  if (is('image/')) {
    const url = URL.createObjectURL(new Blob([part.body], part)), trial = new Image();
    trial.src = url;
    // WebKit shows nothing while it decodes, and the next part waits until this one can be painted.
    await soon(trial.decode().catch(nothing), 5000);
    // A broken image would take the place of a picture.
    if (trial.complete && !trial.naturalWidth) {
      URL.revokeObjectURL(url);
      throw Error(`no picture: ${part.type}, ${part.body.length} bytes`);
    }
    const image = place.matches('img') ? place : only(place, 'img', '', { alt: document.title });
    URL.revokeObjectURL(image.blob);
    image.src = image.blob = url;
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
  if (!held(node)) {
    own(node, 'remove').call(node);
    URL.revokeObjectURL(node.blob);
  }
  return behind;
}

globalThis.customElements?.define('mixed-replace', class extends HTMLElement {
  static observedAttributes = 'src target trusted timeout again limit credentials background motion show-age'.split(' ');
  stream;
  #headers;
  #over;
  #clock;
  #due;

  get src() {
    return this.getAttribute('src') ?? '';
  }

  set src(url) {
    url ? this.setAttribute('src', url) : this.removeAttribute('src');
  }

  get headers() {
    return this.#headers;
  }

  set headers(headers) {
    this.#headers = headers;
    this.#renew();
  }

  attributeChangedCallback(name, old, value) {
    if (old === value) return;
    // That was the age of another stream's part.
    if (name === 'src' && old) this.removeAttribute('age');
    this.#renew();
  }

  connectedCallback() {
    // A property that was set before this script was there hides the accessor.
    for (const name of ['src', 'headers']) {
      const { [name]: value } = this;
      if (delete this[name] && value) this[name] = value;
    }
    this.#renew();
  }

  disconnectedCallback() {
    this.#close();
  }

  // Changes made together are one new connection. A microtask would be too early: WebKit may run it after each change.
  #renew() {
    this.#due ??= setTimeout(() => {
      this.#due = null;
      if (this.isConnected) this.#open();
    });
  }

  #close(quiet) {
    clearInterval(this.#clock);
    this.stream?.close(quiet);
    this.#over?.abort();
    this.stream = null;
  }

  #open() {
    this.#close(this.src);
    if (!this.src) return;
    const options = Object.fromEntries([...this.attributes].map(({ name, value }) => [name, value || name]));
    const place = document.querySelector(options.target), ago = document.createElement('small');
    const tick = () => {
      const age = (Date.now() - since) / 1000 | 0;
      this.setAttribute('age', age);
      const [unit, seconds] = age < 100 ? ['second', 1] : age < 6000 ? ['minute', 60] : ['hour', 3600];
      ago.textContent = new Intl.RelativeTimeFormat(document.documentElement.lang || []).format(-(age / seconds | 0), unit);
    };
    let since = Date.now() - 1000 * positive(options.age, 0), old = options.age;
    // To be seen, not to be read out each second.
    ago.ariaHidden = true;
    this.#over = new AbortController();
    this.addEventListener('part', () => old ? old = 0 : since = Date.now(), this.#over);
    this.addEventListener('state', ({ detail: { state } }) => place && this.replaceChildren((this.dataset[state] ?? state) + ' ', ago), this.#over);
    if (options['show-age']) this.#clock = setInterval(tick, 1000, tick());
    this.stream = mixedReplace(this.src, place?.matches('html') ? document : place ?? this, { ...options, headers: this.headers, host: this });
  }
});
