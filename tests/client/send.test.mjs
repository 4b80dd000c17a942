// `send.js` against a fetch that this file plays.
import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.HTMLCanvasElement ??= class {};
const { send } = await import('../../src/serve/page/send.js');

// Sends a source of one picture, and returns the states, the requests and the end.
function sending(respond, source = {}, options = {}) {
  const states = [], requests = [];
  globalThis.fetch = async (address, init) => {
    requests.push(init);
    return respond(requests.length, init);
  };
  const canvas = { toBlob: done => done(new Blob(['picture'])) };
  let sent;
  const stopped = new Promise(done => {
    const onstate = state => {
      states.push(state);
      if (state === 'stopped') done();
    };
    sent = send('/in', { canvas, draw() {}, stop() {}, ...source }, { fps: 200, onstate, ...options });
  });
  return { states, requests, stopped, stop: () => sent.stop() };
}

const ok = () => new Response('{}');

test('redirect is an error and not a success', async () => {
  const run = sending((number, init) => {
    assert.equal(init.redirect, 'error');
    if (number === 1) throw new TypeError('redirected');
    return ok();
  }, {}, { onerror: async () => true, onsent: () => run.stop() });
  await run.stopped;
  assert.deepEqual(run.states, ['waiting', 'sending', 'stopped']);
});

test('source that has ended ends the sending', async () => {
  let pictures = 0, stops = 0;
  const run = sending(ok, { draw: () => pictures++, ended: () => pictures === 3, stop: () => stops++ });
  await run.stopped;
  assert.equal(run.requests.length, 3);
  assert.equal(stops, 1);
  assert.deepEqual(run.states, ['sending', 'stopped']);
});

test('request has a time limit and is aborted by stop', async () => {
  const timeout = AbortSignal.timeout;
  let limit;
  AbortSignal.timeout = ms => (limit = ms, timeout.call(AbortSignal, 50));
  const hangs = init => new Promise((_, fail) => init.signal.addEventListener('abort', () => fail(init.signal.reason)));
  let run;
  try {
    run = sending((number, init) => number === 1 ? hangs(init) : ok(), {}, { onerror: async () => true, onsent: () => run.stop() });
    await run.stopped;
  } finally {
    AbortSignal.timeout = timeout;
  }
  assert.equal(limit, 30000);
  assert.deepEqual(run.states, ['waiting', 'sending', 'stopped']);
  const hanging = sending((_, init) => hangs(init));
  setTimeout(hanging.stop, 50);
  await hanging.stopped;
  assert.deepEqual(hanging.states, ['stopped']);
});
