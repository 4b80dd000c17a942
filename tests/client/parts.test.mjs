// The reader returns the parts that were sent, however the bytes are cut, or throws an error.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { more, parts, show, source } from './client.mjs';
import { NAMES, mark } from './minify.mjs';
import { B, TYPE, part, wire } from './server.mjs';

const response = (chunks, type = TYPE) => {
  const next = chunks[Symbol.iterator]();
  const body = new ReadableStream({
    pull(stream) {
      const { done, value } = next.next();
      if (done) stream.close();
      else stream.enqueue(new Uint8Array(value));
    },
  });
  return new Response(body, { headers: { 'content-type': type } });
};

const read = async (chunks, type, limit) => {
  const texts = [];
  try {
    for await (const { body } of parts(response(chunks, type), limit)) texts.push(Buffer.from(body).toString('latin1'));
  } catch (error) {
    texts.push(error);
  }
  return texts;
};

const fails = async (chunks, before, message, ...rest) => {
  const [error, ...texts] = (await read(chunks, ...rest)).reverse();
  assert.ok(error instanceof Error, `no error but ${error}`);
  assert.match(error.message, message);
  assert.deepEqual(texts.reverse(), before);
};

const BODIES = ['first', '\r\n', `--${B}`.slice(0, -1), '\r\n--', 'last\0\xff'].map(text => Buffer.from(text, 'latin1'));
const TEXTS = BODIES.map(body => body.toString('latin1'));

test('the minified files were made from these sources', () => {
  for (const name of NAMES) {
    const served = readFileSync(new URL(`../../src/serve/page/${name}.min.js`, import.meta.url), 'utf8');
    assert.equal(served.split('\n', 1)[0], mark(name), 'run tests/client/minify.mjs');
  }
});

test('is small', () => {
  if (!process.env.CLIENT_JS) return;
  // Without its first line, which is not served.
  const send = readFileSync(new URL('../../src/serve/page/send.min.js', import.meta.url), 'utf8').replace(/^.*\n/, '');
  const size = source => gzipSync(source, { level: 9 }).length, sizes = [source, more.html, more.wall, send].map(size);
  console.log(`${sizes} bytes gzipped`);
  // Both of the latter only where a page needs them. What tells a width that the page sets from the picture's own is 100 bytes.
  assert.ok(sizes[0] <= 4500 && sizes[1] + sizes[2] < 3150 && sizes[3] <= 1800, `${sizes} bytes`);
});

test('reads a stream that is cut at any two places', async () => {
  const whole = wire(...BODIES);
  assert.deepEqual(await read([whole]), TEXTS);
  assert.deepEqual(await read([...whole].map(byte => [byte])), TEXTS);
  for (let cut = 0; cut <= whole.length; cut++) {
    assert.deepEqual(await read([whole.subarray(0, cut), whole.subarray(cut)]), TEXTS, `cut at ${cut}`);
  }
});

test('a stream cut off at any place yields complete parts and an error', async () => {
  const whole = wire(...BODIES);
  for (let cut = 0; cut < whole.length - 2; cut++) {
    const texts = await read([whole.subarray(0, cut)]), error = texts.pop();
    assert.match(error.message, /cut off/, `cut at ${cut}`);
    assert.deepEqual(texts, TEXTS.slice(0, texts.length), `cut at ${cut}`);
  }
});

test('returns headers and type', async () => {
  const body = `--${B}\r\nContent-Type: text/html; charset=utf-8\r\nX-Time: 12:00:01\r\nContent-Length: 2\r\n\r\non\r\n--${B}--\r\n`;
  for await (const part of parts(response([Buffer.from(body)], `Multipart/Mixed; boundary="${B}"`))) {
    assert.equal(part.type, 'text/html; charset=utf-8');
    assert.equal(part.headers.get('x-time'), '12:00:01');
  }
});

test('reads the machine wire too', async () => {
  const one = text => `Content-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}\r\n--${B}`;
  const body = `--${B}\r\n${one('a')}\r\n${one('b')}\r\n${one('b')}--\r\n`;
  assert.deepEqual(await read([Buffer.from(body)], `multipart/x-mixed-replace; boundary=${B}`), ['a', 'b', 'b']);
});

test('reads a stream of events, which starts with a line end', async () => {
  const body = Buffer.concat([Buffer.from('\r\n'), wire(...BODIES)]);
  assert.deepEqual(await read([body]), TEXTS);
  assert.deepEqual(await read([...body].map(byte => [byte])), TEXTS);
  await fails([Buffer.concat([Buffer.from('\r\n'), body])], [], /length/);
});

test('a wrong length is an error and yields no torn part', async () => {
  for (const length of [0, 1, 4, 6, 7, 30, -5, 5.5, '5x', '', '1e999', 2 ** 24 + 1, '18446744073709551616']) {
    const wrong = Buffer.from(`\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n\r\nwrong\r\n--${B}`);
    const body = Buffer.concat([Buffer.from(`--${B}`), part('good'), wrong, part('next'), part('next')]);
    await fails([body], ['good'], /length|cut off/);
  }
  const none = `--${B}\r\nContent-Type: text/plain\r\n\r\nnone\r\n--${B}--\r\n`;
  await fails([Buffer.from(none)], [], /length/);
});

test('rejects a part above the limit', async () => {
  await fails([wire('small', 'x'.repeat(11))], ['small'], /length/, TYPE, 10);
  // Attributes are strings, and '5' is above '10' as a string.
  assert.deepEqual(await read([wire('small', 'x'.repeat(10))], TYPE, '10'), ['small', 'x'.repeat(10)]);
  await fails([wire('small', 'x'.repeat(11))], ['small'], /length/, TYPE, '10');
  await fails([Buffer.from(`--${B}\r\n${'X: y\r\n'.repeat(10_000)}`)], [], /length/);
  await fails([Buffer.from(`--${B}\r\nX: ${'y'.repeat(20_000)}`)], [], /length/);
});

test('an invalid limit is the default', async () => {
  for (const limit of ['limit', '', '0', 0, -1, '5 MB', NaN, null, true]) {
    assert.deepEqual(await read([wire('small')], TYPE, limit), ['small'], `${limit}`);
    await fails([Buffer.from(`--${B}\r\nContent-Length: ${2 ** 24 + 1}\r\n\r\n`)], [], /length/, TYPE, limit);
  }
});

test('leaving early cancels the body', async () => {
  for (const [name, bytes, leave] of [
    ['break', wire('a', 'b'), true], ['close-delimiter', wire('a'), false], ['wrong length', Buffer.from(`--${B}\r\nX: y\r\n\r\n`), false],
  ]) {
    let cancelled = false;
    const stream = new ReadableStream({ start: stream => stream.enqueue(new Uint8Array(bytes)), cancel: () => cancelled = true });
    try {
      for await (const { body } of parts(new Response(stream, { headers: { 'content-type': TYPE } }))) if (body && leave) break;
    } catch (error) {
      assert.match(error.message, /length/);
    }
    assert.ok(cancelled, name);
  }
});

test('text is decoded by its charset', async () => {
  class Place {
    pre = { parentNode: this };
    get childNodes() { return [this.pre]; }
    querySelector() { return this.pre; }
  }
  for (const [type, bytes, expected] of [
    ['text/plain', [0xe2, 0x82, 0xac], '€'],
    ['text/plain; charset=utf-8', [0xe2, 0x82, 0xac], '€'],
    ['text/plain; charset=windows-1252', [0xe9], 'é'],
    ['text/plain; charset=ISO-8859-1', [0xe9], 'é'],
    ['text/plain;Charset="koi8-r" ; format=flowed', [0xc1], 'а'],
    ['text/plain; charset=utf-16le', [0xac, 0x20], '€'],
    ['text/plain; charset=klingon', [0xe2, 0x82, 0xac], '€'],
    ['text/plain; charset=', [0xe2, 0x82, 0xac], '€'],
  ]) {
    const place = new Place();
    await show(place, { type, body: Uint8Array.from(bytes) });
    assert.equal(place.pre.textContent, expected, type);
  }
});

test('an error names a response that is no stream', async () => {
  await fails([Buffer.from('<p>Log in')], [], /no stream: 200 text\/html/, 'text/html');
  await fails([Buffer.from('x')], [], /no stream/, 'multipart/mixed');
  await fails([Buffer.from('HTTP')], [], /length|cut off/);
  await fails([Buffer.from(`--${B}\r\nno header line\r\n\r\n`)], [], /./);
});

test('reads ten parts of 10 MB in time and memory in proportion', async () => {
  const big = Buffer.alloc(10_000_000, 'x'), bytes = part(big);
  let left = 10, at = 0, sent = false;
  const body = new ReadableStream({
    pull(stream) {
      if (!sent) stream.enqueue(Buffer.from(`--${B}`));
      sent = true;
      if (!left) {
        stream.enqueue(Buffer.from('--\r\n'));
        return stream.close();
      }
      stream.enqueue(new Uint8Array(bytes.subarray(at, at += 65536)));
      if (at >= bytes.length) [at, left] = [0, left - 1];
    },
  });
  let seen = 0, peak = 0;
  const before = process.memoryUsage().arrayBuffers, began = Date.now();
  for await (const part of parts(new Response(body, { headers: { 'content-type': TYPE } }))) {
    globalThis.gc?.();
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
    assert.equal(part.body.length, big.length);
    seen++;
  }
  assert.equal(seen, 10);
  console.log(`100 MB in ${Date.now() - began} ms, at most ${(peak / 1e6).toFixed()} MB of buffers`);
  if (globalThis.gc) assert.ok(peak < 50e6, `${peak} bytes of buffers`);
});

test('reads single bytes in linear time', async () => {
  const time = async size => {
    // Processor time, as other programs may keep the machine busy.
    const chunks = [...wire('x'.repeat(size))].map(byte => [byte]), began = process.cpuUsage();
    assert.equal((await read(chunks))[0].length, size);
    return process.cpuUsage(began).user / 1000;
  };
  await time(10_000);
  const [small, large] = [await time(20_000), await time(200_000)];
  assert.ok(large < 30 * small + 200, `${small} ms, ten times as much in ${large} ms`);
});
