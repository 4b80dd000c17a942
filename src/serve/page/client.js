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
//                  and in the width of their <img>, if the server has several sizes
//   target         a selector: where the parts appear
//   trusted        puts HTML into the page itself, without a frame
//   credentials    as for fetch(): same-origin, include or omit
//   timeout="25"   seconds without a part until the stream is stale; after twice as many without a byte it reconnects
//   again="30"     seconds from an end or a denial to the next try, at least 1; unset, no try follows by itself
//   limit="…"      the largest part, in bytes; 16 MiB unless set
//   show-age       keeps age="…", the seconds since what is shown was captured, or came if the server does not say so, and words
//                  it where it words the state; an initial age="40" is the age of the part that is in the page already
//   background     stays connected in a hidden tab and outside the view
//   motion         shows pictures at full rate also to readers who prefer reduced motion; they get one a second otherwise
//   transition     shows HTML by a view transition, where there are those, except to readers who prefer reduced motion
//
// A number that is not positive, or not a number, counts as unset, and so does "false". Each attribute may be set, changed or
// removed at any time; changes made together reconnect once. The property `age` is the age in seconds, with fractions.
// In HTML that is shown, `data-keep` leaves an element alone as long as the parts have one in its place. The property `headers` holds request headers, as fetch() accepts them, or a function
// that returns them or a promise of them. The client calls it for each connection, so that a token may expire.
//
// The element keeps its state in `state`, and `data-live="…"` and its like word it:
//
//   connecting     no part has come yet
//   live           parts or keep-alives come
//   stale          none has come for `timeout` seconds, or the picture was captured longer ago
//   reconnecting   the connection failed, or the track is unknown; the client tries again after a growing pause
//   denied         the server answered 401 or 403
//   ended          the server ended the stream or the track
//   paused         the tab is hidden, or the element is out of view
//
// Changing an attribute or `headers` reconnects in every state. Showing the tab reconnects once in every state but `live` and,
// without `again`, `ended`; so does a network that comes back, or the end of a sleep, then also in `live`. Hiding the tab never
// reconnects. The first try after a cut of a stream that was live shows no other state.
//
// Events: `state`, with its `age`; `part`, for each part, also for one that is skipped because a newer one came before it could be shown; its
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

// Imports a part of this client when it is first used; by another address after a failure or a silence, since browsers keep those.
const home = import.meta.url;
let tries = '';
const load = (name, ms) => load[name] ??= soon(import(`${home}${home.includes('?') ? '&' : '?'}client=${name}${tries}`), ms).then(module => {
  if (!module) throw Error('silence');
  return module;
}).catch(error => {
  load[name] = null;
  tries += '&';
  throw error;
});

// Iterates over the parts of a response as they come, and returns at the close-delimiter. A part is yielded once the delimiter
// after it has come: a wrong length or a cut throws, and no part is torn. Leaving the loop closes the connection.
export async function* parts(response, limit, onchunk) {
  const type = response.headers.get('content-type');
  const boundary = /^multipart\/.*boundary="?([^";]+)/i.exec(type)?.[1];
  if (!boundary) throw Object.assign(Error(`no stream: ${response.status} ${type}`), { response });
  const delimiter = '\r\n--' + boundary, reader = response.body.getReader();
  // How far the server's clock is ahead. What is within two seconds may be the second that `Date` leaves out, and the way here.
  let skew = Date.parse(response.headers.get('date')) - Date.now();
  if (!(Math.abs(skew) > 2000)) skew = 0;
  // The same of each track, and when its last part was captured, by a clock that nobody sets.
  const clocks = new Map();
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
      if (Math.abs(Date.now() - rest) > 20) {
        await new Promise(done => setTimeout(done));
        rest = Date.now();
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
      const body = await take(length), stamp = headers.get('x-timestamp') * 1000;
      // Without a stamp, or with one that counts from another day than the clock, unknown.
      let time;
      if (stamp > 1e12) {
        const track = headers.get('content-location'), clock = clocks.get(track) ?? { skew };
        const now = Date.now(), steady = performance.now(), most = steady - clock.captured;
        // Nothing was captured later than now, or before the previous part: then one of the clocks was set.
        let age = Math.max(0, now - stamp + clock.skew);
        if (age > most + 2000) age = most;
        time = now - age;
        // Names may be without end.
        if (clocks.size > 999) clocks.clear();
        clocks.set(track, { skew: stamp - time, captured: steady - age });
      }
      part = { type: headers.get('content-type') ?? '', headers, body, time };
    }
  } finally {
    // After a failure this rejects with the same error.
    reader.cancel().catch(nothing);
  }
}

// Waits no longer than the signal allows.
const unless = (signal, promise) => Promise.race([promise, new Promise((_, fail) => signal.onabort = fail)]);
// Request headers by value: a framework makes another object each time it renders. Of functions and promises, themselves.
const plain = headers => {
  if (typeof (headers?.then ?? headers) === 'function') return headers;
  try {
    return JSON.stringify([...new Headers(headers ?? {})]);
  } catch {
    return headers;
  }
};
// `fetch` refuses an address that holds a login, and a page that was opened by such a one resolves all of its own to them.
// The browser sends the login by itself.
const login = /^(\w+:\/\/)[^/?#]*@/;
const request = async (url, { headers, credentials }, signal) => {
  const base = globalThis.document?.baseURI;
  if (login.test(base)) url = new URL(url, base).href.replace(login, '$1');
  const sent = new Headers(await unless(signal, typeof headers === 'function' ? headers() : headers) ?? {});
  sent.set('accept', 'multipart/mixed');
  return fetch(url, { headers: sent, credentials, signal });
};

// Streams that are open, and one clock for all of them. Where that has stood, as in sleep, connections may be dead.
const running = new Set();
let clock, last, veiled;
const tick = () => {
  const now = Date.now(), hidden = globalThis.document?.hidden;
  // In a hidden tab timers may run once a minute only. A clock that was set back says nothing of what is due.
  const slept = Math.abs(now - last) > (hidden || veiled ? 99999 : 9999);
  veiled = hidden;
  last = now;
  running.forEach(stream => stream(now, slept));
};
const keep = (stream, on) => {
  running[on ? 'add' : 'delete'](stream);
  if (!clock === !running.size) return;
  last = Date.now();
  clock = clock ? clearInterval(clock) : setInterval(tick, 200);
};

// Keeps a stream, or a track of one, open through all failures. Of elements it knows whether `place` is in view.
export function watch(url, options) {
  const { onpart, onstate = nothing, background, place } = options;
  const page = globalThis.document, over = new AbortController(), [address, name] = `${url}`.split('#');
  const timeout = 1000 * positive(options.timeout, 25), again = positive(options.again);
  let connection, due, tries = 0, state, quiet, seen = true, looked, began, heard, fresh, time, woken;
  const say = (next, error) => {
    if (state !== next) onstate(state = next, error);
  };
  const stop = () => {
    due = 0;
    connection = connection?.abort();
  };

  const connect = async () => {
    stop();
    const own = connection = new AbortController(), { signal } = own;
    let error;
    began = heard = fresh = Date.now();
    const hear = () => {
      if (own === connection) heard = Date.now();
    };
    const take = async part => {
      if (signal.aborted) return;
      // A slow `onpart` is not silence: bytes may be waiting.
      heard = NaN;
      await onpart(part);
      if (signal.aborted) return;
      fresh = 1 + (heard = Date.now());
      // A document may be true for long, a picture is as old as it is.
      time = /^image/.test(part.type) ? part.time : 0;
      if (state !== 'ended') say(heard - time > timeout && time ? 'stale' : 'live');
    };
    try {
      if (name) {
        const { follow } = await unless(signal, load('wall', 2 * timeout));
        signal.throwIfAborted();
        await follow(new URL(address, page?.baseURI).href, options, {
          name: decodeURIComponent(name), hear, take, signal, woken, inner,
          // What the server says of it, or of others only: then all is as it was, like after a keep-alive.
          tell(word) {
            const waiting = word === 'waiting';
            if (fresh === began) waiting && say('connecting');
            else if (waiting) fresh = 1;
            else if (word || fresh > 1) fresh = 1 + Date.now();
          },
        }, { parts, plain, request, text });
      } else {
        for await (const part of parts(await request(url, options, signal), options.limit, hear)) await take(part);
      }
    } catch (why) {
      error = signal.reason ?? why;
    }
    if (own !== connection) return;
    stop();
    const answer = error?.response, denied = /40[13]/.test(answer?.status), settled = denied || !error;
    const long = Date.now() - began > 5000;
    quiet = error && state === 'live' && long && fresh > began && error;
    tries = quiet ? 0 : long ? 1 : Math.min(tries + 1, 5);
    // Growing, and never shorter than Retry-After. Once at once, after a cut such as proxies and service workers make.
    const pause = Math.max(Math.min(answer?.headers.get('retry-after'), 600) || 0, settled ? again : 2 ** tries / 2, 1) * chance;
    if (!settled || again) due = Date.now() + (quiet ? 300 * (chance - 1) : pause * 1000);
    // Last, since `onstate` may close the stream.
    if (!quiet) say(denied ? 'denied' : error ? 'reconnecting' : 'ended', error);
  };

  const turn = event => {
    if (state === 'ended' && !again) return;
    if (!background && (page?.hidden || !seen)) say('paused', stop());
    // With `background` a tab that is hidden keeps what it has.
    else if (state !== 'live' && !(event && page.hidden)) connect();
  };
  // The network, or the machine, is back.
  const wake = event => event?.persisted === false || state === 'paused' || state === 'ended' && !again || state === 'live' && !(Math.abs(Date.now() - heard) > 2000) || connect(woken = Date.now());
  const observer = place && place !== page?.body && !background && new IntersectionObserver(entries => {
    if (seen !== (seen = entries.at(-1).isIntersecting)) turn();
  }, { rootMargin: '99px' });
  // An inline element may be as high as a line only.
  const inner = () => place && (picture(place) ?? (place.childElementCount === 1 ? place.firstElementChild : place));
  const look = () => {
    if (looked === inner()) return;
    observer.disconnect();
    observer.observe(looked = inner());
  };
  const step = (now, slept) => {
    if (observer) look();
    if (slept) wake();
    else if (!connection) due && now >= due && connect();
    else if (now - heard > 2 * timeout) connection.abort(Error('silence'));
    else if (now - fresh > timeout || time && now - time > timeout) say('stale');
    // What has ended may show its last part once more, and end.
    else if (fresh > began && now - began > 500) say('live');
    else if (quiet && heard === began && now - began > 3000) say('reconnecting', quiet);
  };
  keep(step, true);
  page?.addEventListener('visibilitychange', turn, over);
  for (const name of ['online', 'pageshow']) globalThis.addEventListener?.(name, wake, over);
  say('connecting');
  if (observer) seen = look();
  // It tells later.
  if (!observer || page?.hidden) turn();
  // Quietly, where another stream takes its place.
  return { close: quiet => [over.abort(), observer && observer.disconnect(), keep(step), stop(), quiet || say('ended')] };
}

const picture = place => place.matches('img') ? place : place.querySelector(':scope > img');
// What is being shown, by the element in which it appears.
const turns = new WeakMap();
const calm = globalThis.matchMedia?.('(prefers-reduced-motion: reduce)');
let frame;

// Shows a stream in an element, an <img>, or the document.
export function mixedReplace(url, target, { host = target.documentElement ?? target, ...options } = {}) {
  const tell = (type, detail) => host.dispatchEvent(new CustomEvent(type, { detail, cancelable: true }));
  const place = target.body ?? target;
  let last, next, came, showing, old = positive(options.age, 0), since = Date.now() - 1000 * old;
  const age = (of = since) => Math.max(0, Date.now() - of) / 1000;
  place.ariaLive ??= 'polite';
  place.ariaBusy = !place.firstElementChild;
  // One part a frame. The newest waits for its turn, and those before it are left out.
  const run = async () => {
    // Another stream may have been in this place.
    await turns.get(place);
    for (let part; part = next;) {
      next = 0;
      const turn = show(target, part, options.trusted, options.transition).then(() => {
        since = part.time ?? (old ? since : came);
        old = 0;
      }, error => {
        // It may be repeated.
        last = 0;
        tell('error', { part, error }) && console.error(error);
      });
      turns.set(place, turn);
      await turn;
      const still = part.type.startsWith('image/') && !options.motion && calm.matches;
      await (still ? soon(new Promise(nothing)) : frame ??= soon(new Promise(requestAnimationFrame)).then(() => frame = 0));
    }
    showing = 0;
  };
  const stream = watch(url, {
    ...options,
    place,
    onpart(part) {
      const { type, body } = part, stamp = part.headers.get('x-timestamp');
      // A keep-alive is the last part again.
      const same = type === last?.type && stamp === last.headers.get('x-timestamp') && body.length === last.body.length && body.every((byte, at) => byte === last.body[at]);
      part.age = age(part.time ?? Date.now());
      if (!same) next = tell('part', part) && part, came = Date.now();
      last = part;
      showing ||= next && run();
      if (place.ariaBusy !== 'false') place.ariaBusy = false;
    },
    onstate(state, error) {
      host.setAttribute('state', state);
      tell('state', { state, error, age: age() });
    },
  });
  return {
    get age() {
      return age();
    },
    async close(quiet) {
      next = 0;
      stream.close(quiet);
      await turns.get(place);
      URL.revokeObjectURL(picture(place)?.blob);
    },
  };
}

// Puts one part in place of what is there.
export async function show(target, part, trusted, transition) {
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
  } else if (is('text/html')) {
    await (await load('html', 20000)).html(target, text(part), { trusted, transition: transition && !calm.matches }, only, soon);
  } else {
    only(place, 'pre', '').textContent = text(part);
  }
}

// The child of this kind, and nothing beside it but streams.
function only(place, tag, kind, properties) {
  const child = place.querySelector(':scope > ' + tag + kind) ?? Object.assign(document.createElement(tag), properties);
  for (const node of [...place.childNodes]) {
    // By its prototype, since a form has its fields as properties too.
    if (node === child || Reflect.get(Object.getPrototypeOf(node), 'localName', node) === 'mixed-replace') continue;
    place.removeChild(node);
    URL.revokeObjectURL(node.blob);
  }
  if (!child.parentNode) place.prepend(child);
  return child;
}

// A page may name a language in a way that throws.
const words = lang => {
  try {
    return new Intl.RelativeTimeFormat(lang || []);
  } catch {
    return words();
  }
};

globalThis.customElements?.define('mixed-replace', class extends HTMLElement {
  static observedAttributes = 'src target trusted timeout again limit credentials background motion transition show-age'.split(' ');
  stream;
  #headers;
  #plain = '[]';
  #over;
  #clock;
  #due;

  get src() {
    return this.getAttribute('src') ?? '';
  }

  set src(url) {
    url ? this.setAttribute('src', url) : this.removeAttribute('src');
  }

  // Seconds since what is shown was captured.
  get age() {
    return this.stream?.age;
  }

  get headers() {
    return this.#headers;
  }

  set headers(headers) {
    const before = this.#plain;
    this.#headers = headers;
    if (before !== (this.#plain = plain(headers))) this.#renew();
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

  // `moveBefore` keeps the stream.
  connectedMoveCallback() {}

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
    const options = Object.fromEntries([...this.attributes].flatMap(({ name, value }) => value === 'false' ? [] : [[name, value || name]]));
    const place = document.querySelector(options.target), ago = document.createElement('small');
    const tick = () => {
      const age = this.age | 0;
      this.setAttribute('age', age);
      const [unit, seconds] = age < 100 ? ['second', 1] : age < 6000 ? ['minute', 60] : ['hour', 3600];
      ago.textContent = words(document.documentElement.lang).format(-(age / seconds | 0), unit);
    };
    // To be seen, not to be read out each second.
    ago.ariaHidden = true;
    this.#over = new AbortController();
    this.addEventListener('state', ({ detail: { state } }) => place && this.replaceChildren((this.dataset[state] ?? state) + ' ', ago), this.#over);
    this.stream = mixedReplace(this.src, place?.matches('html') ? document : place ?? this, { ...options, headers: this.headers, host: this });
    if (options['show-age']) this.#clock = setInterval(tick, 1000, tick());
  }
});
