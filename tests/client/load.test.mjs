// The modules that the client imports when it first uses them, where they do not come.
import test from 'node:test';
import assert from 'node:assert/strict';
import { register } from 'node:module';
import { address, watch } from './client.mjs';
import { B, opening, server, sleep, until } from './server.mjs';

// The first address comes when the test says so; another one comes at once.
const comes = new Int32Array(new SharedArrayBuffer(4));
register(address(`
  let comes;
  export const initialize = data => { comes = data; };
  export async function resolve(specifier, context, next) {
    if (specifier.endsWith('client=wall')) while (!comes[0]) await new Promise(done => setTimeout(done, 20));
    return next(specifier, context);
  }`), { data: comes });

test('a module that does not come is asked for by another address, and for no track that has gone', async () => {
  const asked = [], log = [];
  const site = await server((socket, number, request) => {
    asked.push(/of=([^ ]*)/.exec(request)[1]);
    socket.write(Buffer.concat([opening, Buffer.from(`\r\nContent-Type: text/plain\r\nContent-Location: yard\r\nContent-Length: 2\r\n\r\nin\r\n--${B}`)]));
  });
  const yard = watch(`${site.url}wall#yard`, { timeout: .5, onpart: () => log.push('in'), onstate: state => log.push(state) });
  const door = watch(`${site.url}wall#door`, { timeout: 25, onpart: () => {} });
  try {
    await sleep(300);
    door.close();
    await until(() => log.includes('in'));
    const before = log.slice(0, log.indexOf('in')).filter(state => state !== 'stale');
    assert.deepEqual([before[0], new Set(before.slice(1))], ['connecting', new Set(['reconnecting'])]);
    // The first one comes, after all.
    comes[0] = 1;
    await sleep(2000);
    assert.deepEqual(new Set(asked), new Set(['yard']));
  } finally {
    comes[0] = 1;
    yard.close();
    site.close();
  }
});
