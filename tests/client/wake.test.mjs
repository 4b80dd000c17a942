// What brings a stream back at once: the network, the end of a sleep, a page that is shown again.
import test from './lane.mjs';
import assert from 'node:assert/strict';
import { parts, watch } from './client.mjs';
import { B, opening, part, server, sleep, until } from './server.mjs';

// A window, and a clock that may jump.
const window = new EventTarget(), now = Date.now;
let ahead = 0;
globalThis.addEventListener = window.addEventListener.bind(window);
Date.now = () => now() + ahead;

const stamped = (body, time, type = 'image/jpeg') => Buffer.from(
  `\r\nContent-Type: ${type}\r\nX-Timestamp: ${(time / 1000).toFixed(6)}\r\nContent-Length: ${body.length}\r\n\r\n${body}\r\n--${B}`,
);
const watching = async (answer, { track = '', ...options }, body) => {
  const site = await server(answer), log = [];
  const stream = watch(site.url + track, {
    onpart: part => log.push(new TextDecoder().decode(part.body)), onstate: state => log.push(state), ...options,
  });
  try {
    await body({ site, log, stream });
  } finally {
    stream.close();
    site.close();
  }
};

for (const [name, event, persisted] of [['a network that is back', 'online'], ['a page from the cache', 'pageshow', true]]) {
  test(`${name} reconnects at once`, () => watching(
    (socket, number) => number < 3 ? socket.destroy() : socket.write(Buffer.concat([opening, part('in')])), {},
    async ({ site, log }) => {
      await until(() => site.requests === 2);
      await until(() => log.at(-1) === 'reconnecting');
      await sleep(50);
      const began = now();
      window.dispatchEvent(Object.assign(new Event(event), { persisted }));
      await until(() => log.includes('in'));
      assert.ok(now() - began < 1900, `${now() - began} ms`);
      assert.deepEqual(log.slice(0, 4), ['connecting', 'reconnecting', 'in', 'live']);
    },
  ));
}

test('the first showing of a page, and a network that is back while parts come, change nothing', () => watching(
  async socket => {
    socket.write(opening);
    for (let i = 0; i < 10; i++) {
      socket.write(part('same'));
      await sleep(50);
    }
  }, {},
  async ({ site, log }) => {
    window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
    await until(() => log.includes('live'));
    window.dispatchEvent(new Event('online'));
    await sleep(200);
    assert.equal(site.requests, 1);
  },
));

test('an end and a closed stream stay as they are', () => watching(
  socket => socket.end(Buffer.concat([opening, part('a'), Buffer.from('--\r\n')])), {},
  async ({ site, log, stream }) => {
    await until(() => log.includes('ended'));
    window.dispatchEvent(new Event('online'));
    stream.close();
    window.dispatchEvent(new Event('online'));
    await sleep(300);
    assert.equal(site.requests, 1);
  },
));

test('after a sleep the connection is another', () => watching(
  (socket, number) => socket.write(Buffer.concat([opening, part(`${number}`)])), {},
  async ({ site, log }) => {
    await until(() => log.includes('live'));
    // As long as a timeout, which the sleep must not be taken for.
    ahead += 30_000;
    const began = now();
    await until(() => log.includes('2'));
    assert.ok(now() - began < 3000, `${now() - began} ms`);
    await until(() => site.sockets.size === 1);
    assert.deepEqual(log, ['connecting', '1', 'live', '2']);
  },
));

test('after a sleep, or on another network, the connection of a track is another', async () => {
  for (const sleeps of [true, false]) {
    await watching(
      (socket, number) => {
        const body = `${number}`;
        socket.write(Buffer.concat([opening, Buffer.from(`\r\nContent-Type: text/plain\r\nContent-Location: yard\r\nContent-Length: 1\r\n\r\n${body}\r\n--${B}`)]));
      }, { track: 'wall#yard' },
      async ({ site, log }) => {
        const other = watch(`${site.url}wall#yard`, { onpart: () => {} });
        await until(() => log.includes('live'));
        const began = now();
        ahead += sleeps ? 30_000 : 3000;
        if (!sleeps) window.dispatchEvent(new Event('online'));
        await until(() => log.includes('2'));
        assert.ok(now() - began < 3000, `${now() - began} ms`);
        await until(() => site.sockets.size === 1);
        assert.deepEqual([log, site.requests], [['connecting', '1', 'live', '2'], 2]);
        other.close(true);
      },
    );
  }
});

test('a network that is back leaves a track alone whose parts come', () => watching(
  async socket => {
    socket.write(opening);
    for (let at = 0; at < 20; at++) {
      socket.write(`\r\nContent-Type: text/plain\r\nContent-Location: yard\r\nContent-Length: 1\r\n\r\na\r\n--${B}`);
      await sleep(50);
    }
  }, { track: 'wall#yard' },
  async ({ site, log }) => {
    await until(() => log.includes('live'));
    window.dispatchEvent(new Event('online'));
    await sleep(500);
    assert.equal(site.requests, 1);
  },
));

test('a clock that is set back holds nothing up', () => watching(
  (socket, number) => socket.write(Buffer.concat([opening, part(`${number}`)])), {},
  async ({ site, log }) => {
    await until(() => log.includes('live'));
    ahead -= 3_600_000;
    const began = now();
    await until(() => log.includes('2'));
    assert.ok(now() - began < 3000, `${now() - began} ms`);
    await until(() => site.sockets.size === 1);
    assert.deepEqual(log, ['connecting', '1', 'live', '2']);
  },
));

test('the slow timers of a hidden tab are no sleep, and a sleep of one is', async () => {
  const page = globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  // The first tick after this sees a tab that is shown.
  const hide = async ms => {
    page.hidden = true;
    page.dispatchEvent(new Event('visibilitychange'));
    await sleep(300);
    ahead += ms;
    page.hidden = false;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  try {
    await watching(
      (socket, number) => socket.write(Buffer.concat([opening, part(`${number}`)])), { background: true, timeout: 200 },
      async ({ site, log }) => {
        await until(() => log.includes('live'));
        await hide(60_000);
        await sleep(600);
        assert.equal(site.requests, 1);
        await hide(120_000);
        await until(() => log.includes('2'));
        assert.deepEqual(log, ['connecting', '1', 'live', '2']);
      },
    );
  } finally {
    delete globalThis.document;
  }
});

test('a cut of a stream that was live shows no other state if the next connection is good', () => watching(
  async (socket, number) => {
    socket.write(Buffer.concat([opening, part(`${number}`)]));
    await sleep(300);
    if (number < 3) socket.destroy();
  }, {},
  async ({ log }) => {
    for (const number of [1, 2]) {
      await until(() => log.includes(`${number}`));
      ahead += 6000;
    }
    await until(() => log.includes('3'));
    assert.deepEqual(log, ['connecting', '1', 'live', '2', '3']);
  },
));

test('a cut is told when the next connection fails or stays silent', async () => {
  for (const silent of [true, false]) {
    await watching(
      async (socket, number) => {
        if (number === 1) {
          socket.write(Buffer.concat([opening, part('1')]));
          await sleep(300);
          socket.destroy();
        } else if (!silent) socket.destroy();
      }, {},
      async ({ log }) => {
        await until(() => log.includes('live'));
        ahead += 6000;
        await until(() => log.at(-1) === 'reconnecting');
        assert.deepEqual(log, ['connecting', '1', 'live', 'reconnecting']);
      },
    );
  }
});

test('the age of a picture counts for `stale`, and a repeated picture stays as old', async () => {
  for (const [type, expected] of [['image/jpeg', ['connecting', 'old', 'stale', 'old', 'new', 'live']], ['text/plain', ['connecting', 'old', 'live', 'old', 'new']]]) {
    await watching(
      async socket => {
        const old = stamped('old', Date.now() - 60_000, type);
        socket.write(Buffer.concat([opening, old]));
        await sleep(700);
        socket.write(old);
        await sleep(300);
        socket.write(stamped('new', Date.now(), type));
      }, {},
      async ({ log }) => {
        await until(() => log.includes('new') && log.length === expected.length);
        assert.deepEqual(log, expected);
      },
    );
  }
});

test('a picture that is too old by now is stale though keep-alives come', () => watching(
  async socket => {
    const only = stamped('only', Date.now());
    socket.write(opening);
    for (let i = 0; i < 20; i++) {
      socket.write(only);
      await sleep(100);
    }
  }, { timeout: 1 },
  async ({ site, log }) => {
    await until(() => log.includes('stale'));
    assert.deepEqual(log.filter(entry => entry !== 'only'), ['connecting', 'live', 'stale']);
    assert.equal(site.requests, 1);
  },
));

test('the time of a part is in the clock of the page', async () => {
  const hour = 3_600_000;
  // How far the server's clock is ahead, whether it says so, and by how much the time may be wrong.
  for (const [skew, dated, within] of [[0, true, 0], [1500, true, 1500], [-1500, true, 1500], [hour, true, 1000], [-hour, true, 1000], [0, false, 0]]) {
    for (const age of [0, 40_000]) {
      const captured = Date.now() - age, headers = new Headers({ 'content-type': `multipart/mixed; boundary=${B}` });
      if (dated) headers.set('date', new Date(Date.now() + skew).toUTCString());
      const body = Buffer.concat([Buffer.from(`--${B}`), stamped('a', captured + skew), stamped('b', captured + skew), Buffer.from('--\r\n')]);
      for await (const { time } of parts(new Response(body, { headers }))) {
        assert.ok(Math.abs(time - captured) <= within + 50, `${time - captured} ms at a skew of ${skew}, aged ${age}`);
        assert.ok(time <= Date.now());
      }
    }
  }
});

const ages = async stamps => {
  const chunks = stamps.map(([location, stamp]) => Buffer.from(
    `\r\nContent-Type: text/plain\r\nContent-Location: ${location}\r\nX-Timestamp: ${stamp}\r\nContent-Length: 2\r\n\r\non\r\n--${B}`,
  ));
  const body = Buffer.concat([Buffer.from(`--${B}`), ...chunks, Buffer.from('--\r\n')]), ages = [];
  const response = new Response(body, { headers: { 'content-type': `multipart/mixed; boundary=${B}` } });
  for await (const { time } of parts(response)) ages.push(time && Math.round((Date.now() - time) / 1000));
  return ages;
};

test('one odd stamp changes the age of no later part', async () => {
  const at = seconds => Date.now() / 1000 + seconds;
  for (const [odd, age] of [[at(3600), 0], [at(3e9), 0], [at(-3600), 0], ['x', undefined], ['', undefined], ['-5', undefined]]) {
    assert.deepEqual(await ages([['', at(0)], ['', odd], ['', at(0)], ['', at(0)]]), [0, age, 0, 0], `${odd}`);
  }
  // The first one is all that is known.
  assert.deepEqual(await ages([['', at(3600)], ['', at(0)]]), [0, 0]);
});

test('each track has its own age', async () => {
  const at = seconds => Date.now() / 1000 + seconds;
  assert.deepEqual(await ages([['a', at(0)], ['b', at(-600)], ['a', at(0)], ['b', at(-600)]]), [0, 600, 0, 600]);
  assert.deepEqual(await ages([['a', at(3600)], ['b', at(-600)], ['a', at(3600)], ['b', at(-600)]]), [0, 600, 0, 600]);
});

test('a stamp that is no time of day is none', async () => {
  for (const stamp of ['', 'x', '-5', '12345.6', 'NaN']) {
    const body = `--${B}\r\nContent-Type: text/plain\r\nX-Timestamp: ${stamp}\r\nContent-Length: 2\r\n\r\non\r\n--${B}--\r\n`;
    for await (const { time } of parts(new Response(body, { headers: { 'content-type': `multipart/mixed; boundary=${B}` } }))) {
      assert.equal(time, undefined, stamp);
    }
  }
});
