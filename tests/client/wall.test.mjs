// Tracks: many in one request, of which each has its own state.
import test from './lane.mjs';
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { address, more, watch } from './client.mjs';
import { B, head, opening, server, sleep, until } from './server.mjs';

const typed = (type, body, location) => Buffer.from(
  `\r\nContent-Type: ${type}\r\n${location ? `Content-Location: ${location}\r\n` : ''}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}\r\n--${B}`,
);
const track = (name, body) => typed('text/plain', body, encodeURIComponent(name));
const states = tracks => typed('application/json', JSON.stringify({ tracks }));
const unknown = (...names) => `HTTP/1.1 404 Not Found\r\nX-Unknown-Tracks: ${names.map(encodeURIComponent)}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno`;
const refusal = (status, fields = '') => `HTTP/1.1 ${status} No\r\n${fields}Content-Length: 2\r\nConnection: close\r\n\r\nno`;
const of = request => /[?&]of=([^ &]*)/.exec(request)[1].split(',').map(decodeURIComponent).sort();

// A server that notes for each request the tracks, and an element for each name: its texts and states in their order.
const watching = async (answer, body, path = 'wall') => {
  const asked = [], sockets = [], streams = [];
  const site = await server((socket, number, request) => {
    asked.push(of(request));
    sockets.push(socket);
    answer(socket, number, request);
  });
  const add = (name, options = {}) => {
    const log = [];
    let last;
    const stream = watch(`${site.url}${path}#${encodeURIComponent(name)}`, {
      onpart: part => log.push(new TextDecoder().decode(part.body)),
      onstate: (state, error) => log.push(last = error ? `${state}: ${error.message}` : state),
      ...options,
    });
    streams.push(stream);
    return Object.defineProperties(log, { close: { value: stream.close }, last: { value: () => last } });
  };
  try {
    await body({ site, asked, sockets, add });
  } finally {
    streams.forEach(stream => stream.close(true));
    await sleep(150);
    site.close();
  }
};

// As IntersectionObserver does: it tells later of each element, and again where that has changed.
class Observer {
  static all = new Set();
  constructor(tell) { this.tell = tell; }
  observe(place) {
    Observer.all.add(this);
    this.place = place;
    setTimeout(() => this.look());
  }
  look() { this.tell([{ isIntersecting: this.place.seen }]); }
  disconnect() { Observer.all.delete(this); }
}
const observed = async body => {
  globalThis.IntersectionObserver = Observer;
  try {
    await body();
  } finally {
    delete globalThis.IntersectionObserver;
  }
};
const place = seen => ({ seen, matches: () => true });
const see = (place, seen) => {
  place.seen = seen;
  for (const observer of Observer.all) if (observer.place === place) observer.look();
};

test('tracks share one request, and each gets its parts', () => watching(
  (socket, number, request) => socket.write(Buffer.concat([
    opening, states({ yard: 'live', 'a/b, ü': 'live' }), track('yard', '1'), track('a/b, ü', '2'), track('yard', '3'),
    typed('text/plain', 'of nobody', 'other'), typed('text/plain', 'of nothing'),
  ])),
  async ({ add, asked, site }) => {
    const [yard, again, odd] = [add('yard'), add('yard'), add('a/b, ü')];
    await until(() => yard.includes('3') && odd.includes('2'));
    assert.deepEqual(yard, ['connecting', '1', 'live', '3']);
    assert.deepEqual(again, yard);
    assert.deepEqual(odd, ['connecting', '2', 'live']);
    await sleep(300);
    assert.deepEqual([asked, site.sockets.size], [[['a/b, ü', 'yard']], 1]);
  },
));

test('keeps the query of the address', () => watching(
  (socket, number, request) => socket.write(Buffer.concat([opening, track('yard', request.split(' ', 2)[1])])),
  async ({ add }) => {
    const yard = add('yard');
    await until(() => yard.last() === 'live');
    assert.equal(yard[1], '/wall?fps=5&of=yard');
  }, 'wall?fps=5',
));

test('the name is the last segment of the location', () => watching(
  socket => socket.write(Buffer.concat([opening, typed('text/plain', 'a', '/x/wall/yard'), typed('text/plain', 'b', 'http://other/y%61rd')])),
  async ({ add }) => {
    const yard = add('yard');
    await until(() => yard.includes('b'));
    assert.deepEqual(yard, ['connecting', 'a', 'live', 'b']);
  },
));

test('reads tracks that are cut at any place', async () => {
  const bytes = Buffer.concat([opening, states({ yard: 'live' }), track('yard', 'one'), track('door', 'two'), track('yard', 'three')]);
  const cuts = Array.from({ length: bytes.length - head.length }, (_, at) => head.length + at);
  await Promise.all([...Array(8).keys()].map(async lane => {
    for (const cut of cuts.filter(cut => cut % 8 === lane)) {
      await watching(
        async socket => {
          socket.write(bytes.subarray(0, cut));
          await sleep(2);
          socket.write(bytes.subarray(cut));
        },
        async ({ add }) => {
          const [yard, door] = [add('yard'), add('door')];
          await until(() => yard.includes('three'));
          assert.deepEqual([yard, door], [['connecting', 'one', 'live', 'three'], ['connecting', 'two', 'live']], `cut at ${cut}`);
        },
      );
    }
  }));
});

test('a changed set is asked for beside the running request, which ends with the first part of the new one', () => {
  let go;
  const seen = new Promise(done => go = done);
  return watching(
    async (socket, number, request) => {
      socket.write(opening);
      if (number === 2) await seen;
      socket.write(Buffer.concat(of(request).map(name => track(name, `${name} ${number}`))));
      for (let i = 0; number === 1 && i < 30; i++) {
        await sleep(20);
        if (!socket.destroyed) socket.write(track('yard', `old ${i}`));
      }
    },
    async ({ add, asked, site }) => {
      const yard = add('yard');
      await until(() => yard.includes('live'));
      const door = add('door');
      await until(() => asked.length === 2);
      assert.equal(site.sockets.size, 2);
      await until(() => yard.some(entry => /^old 2\d/.test(entry)));
      go();
      await until(() => door.includes('live'));
      await until(() => site.sockets.size === 1);
      assert.deepEqual(asked, [['yard'], ['door', 'yard']]);
      assert.deepEqual(yard.filter(entry => !/^old/.test(entry)), ['connecting', 'yard 1', 'live', 'yard 2']);
      yard.close();
      await until(() => asked.length === 3 && site.sockets.size === 1);
      assert.deepEqual([asked.at(-1), yard.last(), door.last()], [['door'], 'ended', 'live']);
    },
  );
});

test('a track that is added again gets the latest part at once', () => watching(
  socket => socket.write(Buffer.concat([opening, track('yard', 'slow')])),
  async ({ add, site }) => {
    const yard = add('yard');
    await until(() => yard.includes('live'));
    const again = add('yard');
    await until(() => again.includes('live'));
    assert.deepEqual([again, site.requests], [['connecting', 'slow', 'live'], 1]);
  },
));

test('a scroll through sixty elements is a few requests for those in view', () => observed(() => watching(
  (socket, number, request) => socket.write(Buffer.concat([opening, ...of(request).map(name => track(name, name))])),
  async ({ add, asked, site }) => {
    const places = Array.from({ length: 60 }, (_, at) => place(at < 6)), logs = places.map((place, at) => add(`${at}`, { place }));
    await until(() => logs.slice(0, 6).every(log => log.last() === 'live'));
    await until(() => logs.slice(6).every(log => log.last() === 'paused'));
    const began = Date.now();
    let most = 0;
    for (let at = 6; at < 60; at++) {
      see(places[at - 6], false);
      see(places[at], true);
      await sleep(20);
      most = Math.max(most, site.sockets.size);
    }
    const took = Date.now() - began;
    await until(() => logs.slice(54).every(log => log.last() === 'live'));
    // A busy machine scrolls for longer.
    assert.ok(asked.length <= 9 * Math.max(1, took / 1300), `${asked.length} requests in ${took} ms`);
    assert.deepEqual(asked[0], ['0', '1', '2', '3', '4', '5']);
    assert.deepEqual(asked.at(-1), ['54', '55', '56', '57', '58', '59']);
    assert.deepEqual(logs[0], ['connecting', '0', 'live', 'paused']);
    assert.deepEqual(logs[59], ['connecting', 'paused', '59', 'live']);
    await until(() => site.sockets.size === 1);
    // One more may be closing.
    assert.ok(most <= 3, `${most} connections`);
    places.forEach(place => see(place, false));
    await until(() => site.sockets.size === 0);
    see(places[0], true);
    await until(() => logs[0].last() === 'live');
  },
)));

test('a changed set that changes back leaves the request alone', () => observed(() => watching(
  (socket, number, request) => socket.write(Buffer.concat([opening, ...of(request).map(name => track(name, name))])),
  async ({ add, asked }) => {
    const [one, two] = [place(true), place(true)], logs = [add('1', { place: one }), add('2', { place: two })];
    await until(() => logs.every(log => log.last() === 'live'));
    see(two, false);
    see(two, true);
    await sleep(400);
    assert.deepEqual([asked, logs[1]], [[['1', '2']], ['connecting', '2', 'live', 'paused', '2', 'live']]);
  },
)));

test('a hidden tab follows only tracks with `background`', async () => {
  const page = globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  const turn = hidden => {
    page.hidden = hidden;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  try {
    await watching(
      (socket, number, request) => socket.write(Buffer.concat([opening, ...of(request).map(name => track(name, name))])),
      async ({ add, asked, site }) => {
        const [yard, door] = [add('yard'), add('door', { background: true })];
        await until(() => yard.includes('live') && door.includes('live'));
        turn(true);
        await until(() => yard.last() === 'paused' && asked.length === 2 && site.sockets.size === 1);
        assert.deepEqual(asked[1], ['door']);
        turn(false);
        await until(() => yard.last() === 'live');
        door.close();
        await until(() => asked.length === 4);
        turn(true);
        await until(() => site.sockets.size === 0);
        assert.deepEqual(yard.filter(entry => entry !== 'yard'), ['connecting', 'live', 'paused', 'live', 'paused']);
      },
    );
  } finally {
    delete globalThis.document;
  }
});

test('an unknown track is left out at once, asked for again after a growing pause, and disturbs no other', () => watching(
  (socket, number, request) => {
    const names = of(request);
    if (names.includes('gate, 2') && number < 6) socket.end(unknown('gate, 2'));
    else socket.write(Buffer.concat([opening, ...names.map(name => track(name, name))]));
  },
  async ({ add, asked, site }) => {
    const [yard, gate] = [add('yard'), add('gate, 2')], began = Date.now();
    await until(() => yard.includes('live'));
    assert.match(gate.last(), /^reconnecting: .*404/);
    await until(() => asked.length === 3);
    const first = Date.now() - began;
    assert.ok(first >= 1000 && first < 3000, `${first} ms`);
    await until(() => asked.length === 4);
    const second = Date.now() - began - first;
    assert.ok(second >= 2000 && second < 5000, `${second} ms`);
    assert.deepEqual([asked, yard, site.requests], [[['gate, 2', 'yard'], ['yard'], ['gate, 2', 'yard'], ['gate, 2', 'yard']], ['connecting', 'yard', 'live'], 4]);
  },
));

test('a track that is removed while another one is asked for has ended', async () => {
  for (const known of [false, true]) {
    await watching(
      (socket, number, request) => {
        const names = of(request);
        if (names.includes('gate') && (names.includes('door') || !known)) socket.end(unknown('door', ...known ? [] : ['gate']));
        else socket.write(Buffer.concat([opening, ...names.map(name => track(name, name))]));
      },
      async ({ add, asked, sockets }) => {
        const [yard, door] = [add('yard'), add('door')];
        await until(() => yard.includes('live') && door.includes('live'));
        const gate = add('gate');
        await until(() => asked.length === 2);
        await sleep(50);
        sockets[0].write(states({ door: 'ended' }));
        await until(() => door.last() !== 'live');
        assert.deepEqual(door, ['connecting', 'door', 'live', 'ended']);
        await until(() => asked.length === 3);
        assert.deepEqual(asked.slice(1), [['door', 'gate', 'yard'], ['gate', 'yard']]);
        if (known) await until(() => gate.includes('live'));
        assert.equal(/reconnecting/.test(gate), !known);
        assert.ok(!/reconnecting/.test(yard));
      },
    );
  }
});

test('a track that another server does not know is asked for again', () => watching(
  (socket, number, request) => {
    const names = of(request);
    if (number === 2 || number === 3) socket.end(unknown('door'));
    else socket.write(Buffer.concat([opening, ...names.map(name => track(name, name))]));
  },
  async ({ add, asked }) => {
    const [yard, door] = [add('yard'), add('door')];
    await until(() => yard.includes('live') && door.includes('live'));
    add('gate');
    await until(() => asked.length === 5);
    assert.deepEqual(asked.slice(3), [['gate', 'yard'], ['door', 'gate', 'yard']]);
    await until(() => door.last() === 'live');
    assert.match(`${door}`, /^connecting,door,live,.*reconnecting.*404.*,door,live$/);
  },
));

test('a 404 that names none of the tracks is asked again after a pause', () => watching(
  socket => socket.end(unknown('other')),
  async ({ add, site }) => {
    const yard = add('yard');
    await until(() => /^reconnecting/.test(yard.last()));
    await sleep(900);
    assert.equal(site.requests, 1);
    await until(() => site.requests === 2);
  },
));

test('the server says how each track is', () => watching(
  async socket => {
    socket.write(Buffer.concat([opening, states({ yard: 'live', door: 'waiting', gate: 'ended' }), track('yard', '1')]));
    await sleep(200);
    socket.write(Buffer.concat([states({ yard: 'waiting', door: 'live', gate: 'ended' }), track('door', '2')]));
    await sleep(200);
    socket.write(Buffer.concat([track('yard', '3'), states({ yard: 'live', door: 'ended', gate: 'ended' })]));
  },
  async ({ add, site }) => {
    const [yard, door, gate] = [add('yard'), add('door'), add('gate')];
    await until(() => door.includes('ended'));
    await sleep(300);
    assert.deepEqual(yard, ['connecting', '1', 'live', 'stale', '3', 'live']);
    assert.deepEqual(door, ['connecting', '2', 'live', 'ended']);
    assert.deepEqual([gate, site.requests], [['connecting', 'ended'], 1]);
  },
));

test('a track without parts is stale after its own timeout, until the server says that it is live', () => watching(
  async socket => {
    socket.write(Buffer.concat([opening, states({ yard: 'live', door: 'live' }), track('yard', '1'), track('door', '2')]));
    await sleep(1500);
    socket.write(states({ yard: 'live', door: 'live' }));
  },
  async ({ add, site }) => {
    const [yard, door] = [add('yard', { timeout: 1 }), add('door', { timeout: 5 })];
    await until(() => yard.length === 5);
    assert.deepEqual([yard, door], [['connecting', '1', 'live', 'stale', 'live'], ['connecting', '2', 'live']]);
    assert.equal(site.requests, 1);
  },
));

test('states of other tracks change nothing, and keep a track alive', () => watching(
  async socket => {
    socket.write(Buffer.concat([opening, track('yard', '1'), track('door', '2'), states({ yard: 'live', door: 'waiting' })]));
    for (let i = 0; i < 8; i++) {
      await sleep(250);
      socket.write(states(i % 2 ? { gate: 'live' } : {}));
    }
    socket.write(states({ door: 'live' }));
  },
  async ({ add, site }) => {
    const [yard, door] = [add('yard', { timeout: 1 }), add('door', { timeout: 1 })];
    await until(() => door.filter(entry => entry === 'live').length === 2);
    assert.deepEqual([yard, door], [['connecting', '1', 'live'], ['connecting', '2', 'live', 'stale', 'live']]);
    assert.equal(site.requests, 1);
  },
));

test('after its end a track is asked for again if told so', () => watching(
  (socket, number, request) => {
    const names = of(request);
    socket.write(Buffer.concat([opening, states(number === 1 ? { yard: 'live', door: 'ended' } : {}), ...names.map(name => track(name, `${number}`))]));
  },
  async ({ add, asked }) => {
    const [yard, door, final] = [add('yard'), add('door', { again: .1 }), add('door')];
    await until(() => door.includes('ended'));
    await until(() => asked.length === 2);
    await until(() => door.last() === 'live');
    assert.deepEqual(yard, ['connecting', '1', 'live', '2']);
    assert.deepEqual(asked, [['door', 'yard'], ['door', 'yard']]);
    assert.ok(final.includes('ended'));
  },
));

test('a lost connection comes back for all, and later each time', () => watching(
  (socket, number, request) => {
    socket.write(Buffer.concat([opening, ...of(request).map(name => track(name, `${number}`))]));
    if (number < 3) setTimeout(() => socket.destroy(), 50);
  },
  async ({ add, site }) => {
    const began = Date.now(), [yard, door] = [add('yard'), add('door')];
    await until(() => yard.includes('3') && door.last() === 'live');
    assert.ok(Date.now() - began > 3000);
    assert.deepEqual(yard.map(entry => entry.split(':', 1)[0]), ['connecting', '1', 'live', 'reconnecting', '2', 'live', 'reconnecting', '3', 'live']);
    assert.equal(site.requests, 3);
  },
));

test('Retry-After is obeyed, also where the set changes meanwhile, and the running request goes on', () => watching(
  (socket, number, request) => {
    if (number === 2) socket.end(refusal(503, 'Retry-After: 2\r\n'));
    else socket.write(Buffer.concat([opening, ...of(request).map(name => track(name, `${number}`))]));
  },
  async ({ add, asked, site }) => {
    const yard = add('yard');
    await until(() => yard.includes('live'));
    const door = add('door'), began = Date.now();
    await until(() => /^reconnecting/.test(door.last()));
    const gate = add('gate');
    await until(() => door.last() === 'live' && gate.includes('live'));
    assert.ok(Date.now() - began > 1990);
    assert.deepEqual(yard, ['connecting', '1', 'live', '3', '4']);
    assert.deepEqual(asked, [['yard'], ['door', 'yard'], ['gate', 'yard'], ['door', 'gate', 'yard']]);
    await until(() => site.sockets.size === 1);
  },
));

test('a denial is one for each track, and is not asked again', () => watching(
  socket => socket.end(refusal(403)),
  async ({ add, site }) => {
    const [yard, door] = [add('yard'), add('door')];
    await until(() => /^denied/.test(yard.last()) && /^denied/.test(door.last()));
    await sleep(2500);
    assert.equal(site.requests, 1);
    add('gate');
    await until(() => site.requests === 2);
  },
));

test('an end of the response is one for each track', () => watching(
  socket => socket.end(Buffer.concat([opening, track('yard', '1'), Buffer.from('--\r\n')])),
  async ({ add, site }) => {
    const [yard, door] = [add('yard'), add('door', { again: .1 })];
    await until(() => door.last() === 'ended');
    assert.deepEqual(yard, ['connecting', '1', 'live', 'ended']);
    await until(() => site.requests === 2);
  },
));

test('a response that the server ends for its successor is no end', () => watching(
  async (socket, number, request) => {
    socket.write(opening);
    if (number === 2) await sleep(300);
    socket.write(Buffer.concat(of(request).map(name => track(name, `${number}`))));
    if (number === 1) watching.first = socket;
    else watching.first.end('--\r\n');
  },
  async ({ add, asked }) => {
    const yard = add('yard');
    await until(() => yard.includes('live'));
    add('door');
    await until(() => asked.length === 2);
    watching.first.end('--\r\n');
    await until(() => yard.includes('2'));
    assert.deepEqual(yard, ['connecting', '1', 'live', '2']);
  },
));

test('other `headers` or `credentials` are another request', () => watching(
  (socket, number, request) => socket.write(Buffer.concat([opening, ...of(request).map(name => track(name, name))])),
  async ({ add, site }) => {
    const rows = [{ 'x-token': 'a' }, [['X-Token', 'a']], { 'x-token': 'b' }];
    const logs = [...rows.map((headers, at) => add(`${at}`, { headers })), add('4', { credentials: 'omit' })];
    await until(() => logs.every(log => log.includes('live')));
    assert.equal(site.requests, 3);
  },
));

test('a failing or slow `onpart` disturbs no other track', () => watching(
  async socket => {
    socket.write(opening);
    for (let at = 0; at < 5; at++) {
      socket.write(Buffer.concat([track('yard', `${at}`), track('door', `${at}`), track('gate', `${at}`)]));
      await sleep(20);
    }
  },
  async ({ add, site }) => {
    let count = 0;
    const yard = add('yard', { onpart: async () => { throw Error(`on purpose ${++count}`); } });
    add('gate', { onpart: () => new Promise(() => {}) });
    const door = add('door');
    await until(() => door.includes('4'));
    // A busy machine has asked again by then.
    assert.equal(site.requests, count);
    assert.match(yard.last(), /^reconnecting: on purpose/);
  },
));

test('a smaller set that is refused is asked for again after a pause, and what runs goes on', () => watching(
  (socket, number, request) => {
    if (number > 1) socket.end(refusal(503));
    else socket.write(Buffer.concat([opening, ...of(request).map(name => track(name, name))]));
  },
  async ({ add, asked, site }) => {
    const [yard, door] = [add('yard'), add('door')];
    await until(() => yard.includes('live') && door.includes('live'));
    door.close();
    await until(() => asked.length === 2);
    await sleep(1000);
    assert.ok(asked.length <= 3, `${asked.length} requests`);
    assert.deepEqual([yard, site.sockets.size], [['connecting', 'yard', 'live'], 1]);
    await until(() => asked.length === 3);
  },
));

test('the bytes of one request keep no track of another alive', () => watching(
  async (socket, number, request) => {
    if (number === 2) return;
    socket.write(opening);
    for (let at = 0; at < 60 && !socket.destroyed; at++) {
      socket.write(Buffer.concat(of(request).map(name => track(name, `${number}`))));
      await sleep(50);
    }
  },
  async ({ add }) => {
    const yard = add('yard', { timeout: .5 });
    await until(() => yard.includes('live'));
    const door = add('door', { timeout: .5 });
    await until(() => door.includes('reconnecting: silence'), 2500);
    await until(() => door.last() === 'live');
    assert.deepEqual(yard.filter(entry => !(entry > 0)), ['connecting', 'live']);
  },
));

test('a wall whose last track has gone before the first part is forgotten', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc'), { follow } = await import(address(more.wall));
  const forgotten = async () => {
    const headers = {}, over = new AbortController();
    const track = { name: 'yard', signal: over.signal };
    const request = (url, options, signal) => new Promise((_, fail) => signal.onabort = fail);
    const end = follow('http://127.0.0.1/wall', { headers }, track, { plain: () => '[]', request });
    await sleep(100);
    over.abort();
    await assert.rejects(end);
    await sleep(400);
    return new WeakRef(headers);
  };
  const headers = await forgotten();
  // One that was made a moment ago is held until the turn ends.
  for (let at = 0; at < 20 && headers.deref(); at++) {
    await sleep(20);
    gc();
  }
  assert.equal(headers.deref(), undefined);
});

// As ResizeObserver does: it tells of each element once, and again where its size has changed.
class Resized {
  static all = new Set();
  places = new Set();
  constructor(tell) {
    this.tell = tell;
    Resized.all.add(this);
  }
  observe(place) {
    this.places.add(place);
    setTimeout(this.tell);
  }
  unobserve(place) { this.places.delete(place); }
}
const image = (offsetWidth, { naturalWidth = 0, width = null, maxWidth = 'none', maxHeight = 'none' } = {}) =>
  ({ seen: true, matches: () => true, offsetWidth, naturalWidth, maxWidth, maxHeight, getAttribute: () => width });
const resize = (place, changes) => {
  Object.assign(place, changes);
  for (const { places, tell } of Resized.all) places.has(place) && tell();
};
// `answer(names, widths)` returns the parts of each request. The widths that were asked for are noted.
const resizing = (parts, body, path) => observed(async () => {
  globalThis.ResizeObserver = Resized;
  globalThis.getComputedStyle = ({ maxWidth, maxHeight }) => ({ maxWidth, maxHeight });
  const widths = [];
  try {
    await watching((socket, number, request) => {
      widths.push(/[?&]width=([^ &]*)/.exec(request)?.[1]);
      socket.write(Buffer.concat([opening, ...parts(of(request)), ...of(request).map(name => track(name, name))]));
    }, context => body({ ...context, widths }), path);
  } finally {
    delete globalThis.ResizeObserver;
    delete globalThis.getComputedStyle;
    Resized.all.clear();
  }
});
const sized = names => [typed('application/json', JSON.stringify({ tracks: Object.fromEntries(names.map(name => [name, 'live'])), sized: names }))];

test('each track is asked for in the device pixels at which it is shown', () => resizing(sized, async ({ add, widths, site }) => {
  globalThis.devicePixelRatio = 1.5;
  try {
    // By its attribute before the first picture, as it is shown after that.
    const places = [image(64, { width: '320' }), image(500, { naturalWidth: 1920 }), image(60), { ...place(true), offsetWidth: 200 }];
    const logs = places.map((place, at) => add(`${at}`, { place }));
    await until(() => logs.every(log => log.last() === 'live'));
    assert.deepEqual(widths, ['480,752,,']);
    await sleep(400);
    assert.equal(site.requests, 1);
  } finally {
    delete globalThis.devicePixelRatio;
  }
}));

test('an enlarged track is asked for beside the running request, and a bit smaller one is not', () => resizing(sized, async ({ add, asked, widths, site }) => {
  const places = [image(320, { naturalWidth: 640 }), image(320, { naturalWidth: 640 })];
  const logs = places.map((place, at) => add(`${at}`, { place }));
  await until(() => logs.every(log => log.last() === 'live'));
  const came = times => until(() => logs.every((log, at) => log.filter(entry => entry === `${at}`).length === times));
  resize(places[0], { offsetWidth: 1280 });
  await came(2);
  resize(places[0], { offsetWidth: 1000 });
  resize(places[1], { offsetWidth: 310 });
  await sleep(400);
  assert.equal(site.requests, 2);
  resize(places[0], { offsetWidth: 320 });
  await came(3);
  assert.deepEqual([asked, widths], [[['0', '1'], ['0', '1'], ['0', '1']], ['320,320', '1280,320', '320,320']]);
  logs.forEach((log, at) => assert.deepEqual(log.filter(entry => entry !== `${at}`), ['connecting', 'live']));
}));

test('a picture that sets its own width is not made smaller', () => resizing(sized, async ({ add, widths, site }) => {
  const place = image(60), log = add('yard', { place });
  await until(() => log.last() === 'live');
  resize(place, { offsetWidth: 1280, naturalWidth: 1280 });
  await sleep(400);
  resize(place, { offsetWidth: 640, naturalWidth: 640 });
  await sleep(400);
  assert.deepEqual([widths, site.requests], [[undefined], 1]);
}));

test('a picture with a limit is not made smaller, since it may go by its own width', () => resizing(sized, async ({ add, widths, site }) => {
  const limits = [{ maxWidth: '100%' }, { maxHeight: '300px' }, { maxWidth: '100%', width: '1280' }];
  const places = limits.map(limit => image(600, { naturalWidth: 1280, ...limit })), logs = places.map((place, at) => add(`${at}`, { place }));
  await until(() => logs.every(log => log.last() === 'live'));
  for (const offsetWidth of [1200, 300, 600]) {
    places.forEach(place => resize(place, { offsetWidth }));
    await sleep(400);
  }
  // Narrower than its border.
  resize(places[0], { offsetWidth: 646, naturalWidth: 640 });
  await sleep(400);
  assert.deepEqual([widths, site.requests], [[',,1280'], 1]);
  // One that is wider than its picture does not go by that.
  resize(places[0], { offsetWidth: 800 });
  await until(() => site.requests === 2);
  assert.equal(widths[1], '800,,1280');
}));

test('a picture that is a part of a parent which goes by the picture is the largest again', () => resizing(sized, async ({ add, widths, site }) => {
  const place = image(640, { naturalWidth: 1280 }), log = add('yard', { place });
  await until(() => log.last() === 'live');
  resize(place, { offsetWidth: 320, naturalWidth: 640 });
  await until(() => site.requests === 2);
  resize(place, { offsetWidth: 640, naturalWidth: 1280 });
  await sleep(400);
  assert.deepEqual(widths, ['640', undefined]);
}));

test('a size counts once it is at rest', () => resizing(sized, async ({ add, widths, site }) => {
  const place = image(320, { naturalWidth: 640 }), log = add('yard', { place });
  await until(() => log.last() === 'live');
  for (let width = 330; width <= 1280; width += 10) {
    resize(place, { offsetWidth: width });
    await sleep(10);
  }
  await until(() => site.requests === 2);
  await sleep(400);
  assert.deepEqual(widths, ['320', '1280']);
}));

test('a picture whose width is set by the page is known by its first change', () => resizing(sized, async ({ add, widths, site }) => {
  const place = image(1280, { naturalWidth: 1280 }), log = add('yard', { place });
  await until(() => log.last() === 'live');
  resize(place, { offsetWidth: 320 });
  await until(() => site.requests === 2);
  assert.deepEqual(widths, [undefined, '320']);
}));

test('a picture that is not displayed is the smallest', () => resizing(sized, async ({ add, widths, site }) => {
  const [yard, door] = [image(320, { naturalWidth: 640 }), image(0, { naturalWidth: 640 })];
  const logs = [add('yard', { place: yard, background: true }), add('door', { place: door, background: true })];
  await until(() => logs.every(log => log.last() === 'live'));
  resize(yard, { offsetWidth: 0 });
  await until(() => logs[0].filter(entry => entry === 'yard').length === 2);
  resize(yard, { offsetWidth: 320 });
  // Nothing is known yet of the other.
  resize(door, { offsetWidth: 640 });
  await until(() => site.requests === 3);
  assert.deepEqual(widths, [',320', ',16', ',320']);
}));

test('another screen is asked for its pixels, and an attribute counts until the first picture', () => resizing(sized, async ({ add, widths, site }) => {
  const page = new EventTarget(), loads = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  try {
    const place = { ...image(640, { width: '320' }), addEventListener: loads.addEventListener.bind(loads) };
    const log = add('yard', { place });
    await until(() => log.last() === 'live');
    place.naturalWidth = 640;
    loads.dispatchEvent(new Event('load'));
    await until(() => log.filter(entry => entry === 'yard').length === 2);
    globalThis.devicePixelRatio = 2;
    page.dispatchEvent(new Event('resize'));
    await until(() => site.requests === 3);
    assert.deepEqual(widths, ['320', '640', '1280']);
  } finally {
    delete globalThis.addEventListener;
    delete globalThis.devicePixelRatio;
  }
}));

test('a size that changes is no new request where the server has one size', () => resizing(() => [], async ({ add, widths, site }) => {
  const place = image(320, { naturalWidth: 640 }), log = add('yard', { place });
  await until(() => log.last() === 'live');
  resize(place, { offsetWidth: 1280 });
  await sleep(400);
  assert.deepEqual([widths, site.requests], [['320'], 1]);
}));

test('an address may say the width', () => resizing(sized, async ({ add, widths, site }) => {
  const place = image(320, { naturalWidth: 640 }), log = add('yard', { place });
  await until(() => log.last() === 'live');
  resize(place, { offsetWidth: 1280 });
  await sleep(400);
  assert.deepEqual([widths, site.requests], [['full'], 1]);
}, 'wall?width=full'));
