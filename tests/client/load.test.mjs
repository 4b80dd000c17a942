// The modules that the client imports when it first uses them, where they do not come.
import test from 'node:test';
import assert from 'node:assert/strict';
import { register } from 'node:module';
import { address, watch } from './client.mjs';
import { B, opening, server, sleep, until } from './server.mjs';

// The first address comes late; another one comes at once.
register(address(`
  export async function resolve(specifier, context, next) {
    if (specifier.endsWith('client=wall')) await new Promise(done => setTimeout(done, 6000));
    return next(specifier, context);
  }`));

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
    await until(() => log.includes('in'), 4500);
    assert.deepEqual(log.filter(state => state !== 'stale').slice(0, 3), ['connecting', 'reconnecting', 'in']);
    // The first one comes, after all.
    await sleep(4000);
    assert.deepEqual(new Set(asked), new Set(['yard']));
  } finally {
    yard.close();
    site.close();
  }
});
