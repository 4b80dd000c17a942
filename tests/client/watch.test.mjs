// The connection, when servers fail.
import test from './lane.mjs';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { watch } from './client.mjs';
import { B, head, opening, part, server, sleep, until, wire } from './server.mjs';

// Watches a server and logs parts and states in order.
const watching = async (answer, options, body) => {
  const site = await server(answer), log = [], times = [];
  const text = part => new TextDecoder().decode(part.body);
  const stream = watch(site.url, {
    onpart: part => log.push(text(part)),
    onstate: (state, error) => (log.push(state), times.push({ state, error, at: Date.now() })),
    ...options,
  });
  try {
    await body({ site, log, times, stream });
  } finally {
    stream.close();
    site.close();
  }
};

test('shows each part and ends at the close-delimiter', () => watching(
  socket => socket.end(Buffer.concat([head, wire('a', 'b')])), {},
  async ({ site, log }) => {
    await until(() => log.includes('ended'));
    assert.deepEqual(log, ['connecting', 'a', 'live', 'b', 'ended']);
    await sleep(1500);
    assert.equal(site.requests, 1, 'an end is final');
  },
));

test('shows each part before the next is sent', () => watching(
  async socket => {
    socket.write(opening);
    for (let i = 0; i < 10; i++) {
      socket.write(part(`${i}`));
      await sleep(20);
    }
  }, {},
  async ({ log }) => {
    for (let i = 0; i < 10; i++) await until(() => log.includes(`${i}`));
    assert.deepEqual(log.filter(entry => /\d/.test(entry)), [...'0123456789']);
  },
));

test('requests the script wire', () => watching(
  (socket, number, request) => socket.end(Buffer.concat([head, wire(request)])), {},
  async ({ log }) => {
    await until(() => log.includes('ended'));
    assert.match(log.join(), /accept: multipart\/mixed/i);
  },
));

test('requests an ended stream again with `again`, and changes its state only for a new part', () => watching(
  (socket, number) => {
    if (number < 3) socket.end(Buffer.concat([head, wire('last')]));
    else socket.write(Buffer.concat([opening, part('new')]));
  }, { again: .05 },
  async ({ log, site }) => {
    await until(() => log.at(-1) === 'live' && site.requests === 3);
    assert.deepEqual(log, ['connecting', 'last', 'live', 'ended', 'last', 'new', 'live']);
  },
));

test('reconnects after a cut with growing, random pauses', () => watching(
  socket => socket.end(Buffer.concat([opening, part('a'), part('torn').subarray(0, -20)])), {},
  async ({ log, times, site }) => {
    await until(() => site.requests === 3, 12_000);
    const states = log.filter(entry => entry !== 'a').slice(0, 5);
    assert.deepEqual(states, ['connecting', 'live', 'reconnecting', 'live', 'reconnecting']);
    assert.ok(!log.includes('torn'));
    assert.match(times.find(time => time.error).error.message, /cut off/);
    const [first, second] = times.filter(({ state }) => state === 'reconnecting').map(({ at }) => at);
    assert.ok(second - first >= 990, `${second - first} ms`);
  },
));

test('requests a dead server at growing intervals', () => watching(
  socket => socket.destroy(), {},
  async ({ site, log }) => {
    const at = [];
    for (let n = 1; n <= 3; n++) {
      await until(() => site.requests >= n, 12_000);
      at.push(Date.now());
    }
    const [first, second] = [at[1] - at[0], at[2] - at[1]];
    assert.ok(first >= 980 && first < 2500, `${first}`);
    assert.ok(second >= 1980 && second < 4500, `${second}`);
    assert.deepEqual(log, ['connecting', 'reconnecting']);
  },
));

test('waits for Retry-After', () => watching(
  (socket, number) => {
    const refusal = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nfull';
    if (number === 1) socket.end(refusal);
    else socket.write(Buffer.concat([opening, part('in')]));
  }, {},
  async ({ log, times }) => {
    await until(() => log.includes('in'), 9000);
    const [, refused, live] = times;
    assert.match(refused.error.message, /503/);
    assert.ok(live.at - refused.at >= 2990, `${live.at - refused.at} ms`);
    assert.deepEqual(log, ['connecting', 'reconnecting', 'in', 'live']);
  },
));

for (const status of [401, 403]) {
  test(`a ${status} is a denial and ends the requests`, () => watching(
    socket => socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 2\r\n\r\nno`), {},
    async ({ site, log, times }) => {
      await until(() => log.includes('denied'));
      await sleep(3000);
      assert.deepEqual([site.requests, log], [1, ['connecting', 'denied']]);
      assert.match(times.at(-1).error.message, new RegExp(status));
    },
  ));
}

test('requests a denied stream again after `again` seconds, until the first part', () => watching(
  (socket, number) => {
    if (number < 3) socket.end('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno');
    else socket.write(Buffer.concat([opening, part('in')]));
  }, { again: '.05' },
  async ({ log }) => {
    await until(() => log.includes('live'));
    assert.deepEqual(log, ['connecting', 'denied', 'in', 'live']);
  },
));

test('ignores an invalid `again`', async () => {
  for (const again of ['again', '', '0', '5s', -1, NaN, null]) {
    await watching(socket => socket.end(Buffer.concat([head, wire('a')])), { again }, async ({ site, log }) => {
      await until(() => log.includes('ended'));
      await sleep(300);
      assert.equal(site.requests, 1, `${again}`);
    });
  }
});

test('pauses for at least a second, and for a very long `again` too', async () => {
  for (const again of [.001, '0.5', 1e10, Infinity]) {
    await watching(socket => socket.end(Buffer.concat([head, wire('a')])), { again }, async ({ site, log }) => {
      await until(() => log.includes('ended'));
      await sleep(900);
      assert.equal(site.requests, 1, `${again}`);
    });
  }
});

test('an invalid timeout is the default', async () => {
  for (const timeout of ['timeout', '0', '5s', -1, NaN, null]) {
    await watching(socket => socket.write(Buffer.concat([opening, part('a')])), { timeout }, async ({ site, log }) => {
      await until(() => log.includes('live'));
      await sleep(500);
      assert.deepEqual([site.requests, log], [1, ['connecting', 'a', 'live']], `${timeout}`);
    });
  }
});

for (const status of [400, 402, 404, 410, 418, 429, 500, 502]) {
  test(`requests again after a ${status}`, () => watching(
    (socket, number) => {
      if (number === 1) socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 2\r\n\r\nno`);
      else socket.write(Buffer.concat([opening, part('in')]));
    }, {},
    async ({ log }) => {
      await until(() => log.includes('live'));
      assert.deepEqual(log, ['connecting', 'reconnecting', 'in', 'live']);
    },
  ));
}

test('sends its headers with each request', async () => {
  let calls = 0;
  for (const headers of [
    { authorization: 'Bearer 1' }, [['Authorization', 'Bearer 1']], new Headers({ authorization: 'Bearer 1' }),
    () => ({ authorization: 'Bearer 1' }), async () => ({ authorization: 'Bearer 1', accept: 'text/html' }),
  ]) {
    await watching(
      (socket, number, request) => socket.end(Buffer.concat([head, wire(`${number} ${request}`)])), { headers, again: .05 },
      async ({ log, site }) => {
        await until(() => site.requests > 1 && log.filter(entry => /^\d/.test(entry)).length > 1);
        for (const request of log.filter(entry => /^\d/.test(entry))) {
          assert.match(request, /^authorization: Bearer 1\r$/im);
          assert.match(request, /^accept: multipart\/mixed\r$/im);
        }
      },
    );
  }
  const tokens = () => ({ authorization: `Bearer ${++calls}` });
  await watching(
    (socket, number, request) => socket.end(Buffer.concat([head, wire(/Bearer \d+/.exec(request)[0])])), { headers: tokens, again: .05 },
    async ({ log }) => {
      await until(() => log.includes('Bearer 3'));
      assert.deepEqual(log.filter(entry => /Bearer/.test(entry)).slice(0, 3), ['Bearer 1', 'Bearer 2', 'Bearer 3']);
    },
  );
});

test('requests a token again after a failure', async () => {
  const no = () => {
    throw Error('no token');
  };
  for (const fails of [no, async () => no(), () => ({ 'not a name': '' }), () => new Promise(() => {})]) {
    let calls = 0;
    await watching(
      socket => socket.write(Buffer.concat([opening, part('in')])), { headers: () => ++calls > 1 ? {} : fails(), timeout: .5 },
      async ({ log, times }) => {
        await until(() => log.includes('live'));
        assert.deepEqual(log.filter(state => state !== 'stale'), ['connecting', 'reconnecting', 'in', 'live']);
        assert.match(times.find(({ error }) => error).error.message, /no token|not a name|silence/i);
      },
    );
  }
});

test('a stall within a part is stale, then a new connection, and yields no torn part', () => watching(
  (socket, number) => {
    if (number === 1) socket.write(Buffer.concat([opening, part('whole'), part('stalled').subarray(0, -12)]));
    else socket.write(Buffer.concat([opening, part('again')]));
  }, { timeout: .5 },
  async ({ log, site }) => {
    await until(() => log.includes('again'));
    assert.deepEqual(log, ['connecting', 'whole', 'live', 'stale', 'reconnecting', 'again', 'live']);
    await until(() => site.sockets.size === 1);
  },
));

test('a keep-alive keeps the state live', () => watching(
  async socket => {
    socket.write(opening);
    for (let i = 0; i < 12; i++) {
      socket.write(part('same'));
      await sleep(150);
    }
  }, { timeout: .6 },
  async ({ log }) => {
    await sleep(1700);
    assert.deepEqual(log.filter(entry => entry !== 'same'), ['connecting', 'live']);
  },
));

test('reconnects after a wrong length', () => watching(
  (socket, number) => {
    const wrong = `\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nwrong\r\n--${B}`;
    socket.write(number === 1 ? Buffer.concat([opening, part('good'), Buffer.from(wrong)]) : Buffer.concat([opening, part('next')]));
  }, {},
  async ({ log, site }) => {
    await until(() => log.includes('next'));
    assert.deepEqual(log, ['connecting', 'good', 'live', 'reconnecting', 'next', 'live']);
    await until(() => site.sockets.size === 1);
  },
));

test('closing closes the connection', () => watching(
  socket => socket.write(Buffer.concat([opening, part('a')])), {},
  async ({ site, log, stream }) => {
    await until(() => log.includes('live'));
    stream.close();
    await until(() => site.sockets.size === 0);
    assert.equal(log.at(-1), 'ended');
    stream.close();
    await sleep(1500);
    assert.equal(site.requests, 1);
  },
));

test('a part is shown before the next is read', () => watching(
  socket => socket.write(Buffer.concat([opening, ...[...'abcdef'].map(text => part(text))])), {
    async onpart() {
      assert.ok(!watching.busy, 'one at a time');
      watching.busy = true;
      await sleep(10);
      watching.busy = false;
    },
  },
  async ({ log }) => {
    await until(() => log.includes('live'));
    await sleep(150);
    assert.deepEqual(log, ['connecting', 'live']);
  },
));

test('a slow `onpart` is not silence', () => watching(
  socket => socket.write(Buffer.concat([opening, part('slow'), part('next')])), {
    timeout: .3,
    async onpart(part) {
      if (String.fromCharCode(...part.body) === 'slow') await sleep(1500);
    },
  },
  async ({ log, site }) => {
    await until(() => log.includes('live'));
    assert.deepEqual([site.requests, log], [1, ['connecting', 'stale', 'live']]);
    // The silence after the call counts.
    await until(() => log.includes('reconnecting'));
  },
));

test('a closed stream keeps nothing running, also where `onpart` never settles', () => {
  const script = `
    import { watch } from ${JSON.stringify(new URL('client.mjs', import.meta.url).href)};
    import { opening, part, server, until } from ${JSON.stringify(new URL('server.mjs', import.meta.url).href)};
    const site = await server(socket => socket.write(Buffer.concat([opening, part('a')])));
    let called;
    const stream = watch(site.url, { onpart: () => new Promise(() => called = true) });
    await until(() => called);
    stream.close();
    site.close();`;
  const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { timeout: 10_000 });
  assert.deepEqual([status, signal], [0, null], String(stderr));
});

test('may be closed by `onstate`', async () => {
  for (const [closing, answer] of Object.entries({
    denied: socket => socket.end('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno'),
    ended: socket => socket.end(Buffer.concat([head, wire('a')])),
    reconnecting: socket => socket.destroy(),
  })) {
    let handle;
    await watching(answer, { again: 1, onstate: state => state === closing && handle.close(true) }, async ({ site, stream }) => {
      handle = stream;
      await sleep(2500);
      assert.equal(site.requests, 1, closing);
    });
  }
});

test('requests a denied stream once each time the tab becomes visible', async () => {
  const page = globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  const turn = hidden => {
    page.hidden = hidden;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  try {
    for (const background of [false, true]) {
      await watching(
        socket => socket.end('HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno'), { background },
        async ({ site, log }) => {
          for (let shown = 1; shown < 4; shown++) {
            await until(() => log.at(-1) === 'denied' && site.requests === shown);
            turn(true);
            await sleep(300);
            assert.deepEqual([site.requests, log.at(-1)], [shown, background ? 'denied' : 'paused']);
            turn(false);
          }
        },
      );
    }
  } finally {
    delete globalThis.document;
  }
});

test('connects only while the tab is visible', async () => {
  const page = globalThis.document = Object.assign(new EventTarget(), { hidden: true });
  const turn = hidden => {
    page.hidden = hidden;
    page.dispatchEvent(new Event('visibilitychange'));
  };
  const answer = socket => socket.write(Buffer.concat([opening, part('a')]));
  try {
    await watching(answer, {}, async ({ site, log, stream }) => {
      await sleep(100);
      assert.deepEqual([site.requests, log], [0, ['connecting', 'paused']]);
      turn(false);
      await until(() => log.includes('live'));
      turn(true);
      await until(() => site.sockets.size === 0);
      assert.equal(log.at(-1), 'paused');
      turn(false);
      await until(() => log.at(-1) === 'live');
      assert.equal(site.requests, 2);
      stream.close();
      turn(true);
      turn(false);
      await sleep(50);
      assert.equal(site.requests, 2);
    });
    page.hidden = true;
    await watching(answer, { background: true }, async ({ log }) => until(() => log.includes('live')));
  } finally {
    delete globalThis.document;
  }
});
