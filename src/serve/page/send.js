// Sends the pictures of a camera, a screen or a canvas to an `Ingest`, each when the one before has arrived, so that none is
// queued on a slow line.
//
//   import { camera, send } from '/send.js';
//   const sending = send('/in/yard', await camera(), { fps: 10 });
//   sending.stop();
//
// A source is `await camera(options)`, `await screen(options)`, a <canvas>, or { canvas, draw(), stop(), ended() }, whose `draw`
// draws the next picture, and whose optional `ended` returns whether there is none. Browsers give cameras and screens only to pages from https or from the same machine.
//
// Options of send, all optional:
//   fps       pictures a second at most; 10
//   quality   of the JPEG pictures, 0 to 1; 0.75
//   headers   of each request, such as { authorization }: an object, or a function that returns one
//   stream    sends one endless request where the browser can (Chromium over HTTP/2); false
//   wanted    a function: while it returns false, the rate is one picture in 15
//   onsent    a function that is called with the bytes of each picture that has arrived, or has been sent in a stream
//   onstate   a function that is called with 'sending', 'waiting' and 'stopped', and with the error for which it waits
//   onerror   an async function that is called with each error. It may mend what it can, and return true to go on at once
// The address may be a function too. An error has the `status` and the text of the response, and the seconds of `Retry-After`
// as `wait`; without a status, the server did not respond, or with a redirect. Sending goes on until `stop`, or until the source
// has ended.

export function send(address, source, options = {}) {
  if (source instanceof HTMLCanvasElement) source = { canvas: source, draw() {}, stop() {} };
  const { fps = 10, quality = 0.75, headers, stream = false, wanted = () => true, onsent, onstate, onerror } = options;
  const over = new AbortController(), clock = ticks(1000 / fps);
  let state, failures = 0;

  const value = of => typeof of === 'function' ? of() : of;
  const tell = (next, error) => {
    if (next !== state || error) onstate?.(state = next, error);
  };

  async function picture() {
    for (let tick = 0; tick === 0 || tick < 15 && !wanted(); tick++) await clock.tick();
    if (source.ended?.()) stop();
    over.signal.throwIfAborted();
    source.draw();
    const blob = await new Promise(done => source.canvas.toBlob(done, 'image/jpeg', quality));
    if (!blob) throw Error('the canvas has no picture');
    return blob;
  }

  async function post(type, body, more) {
    // A page that a redirect leads to, such as that of a login, is not a success.
    const init = { method: 'POST', headers: { ...value(headers), 'content-type': type }, body, signal: over.signal, redirect: 'error', ...more };
    const response = await fetch(value(address), init);
    // The body is read, so that the connection is used again.
    const text = await response.text();
    if (!response.ok) throw Object.assign(Error(text), { status: response.status, wait: +response.headers.get('retry-after') });
  }

  function sent(blob) {
    failures = 0;
    tell('sending');
    onsent?.(blob.size);
  }

  async function one() {
    const blob = await picture();
    // A phone that changes its network may wait for minutes. A browser without `any` (Chromium 115, Safari 17.3) waits.
    await post('image/jpeg', blob, { signal: AbortSignal.any?.([over.signal, AbortSignal.timeout(30000)]) ?? over.signal });
    sent(blob);
  }

  async function endless() {
    const boundary = crypto.randomUUID().replaceAll('-', '');
    const pull = async controller => {
      const blob = await picture();
      const part = [`--${boundary}\r\nContent-Type: image/jpeg\r\nContent-Length: ${blob.size}\r\n\r\n`, blob, '\r\n'];
      controller.enqueue(new Uint8Array(await new Blob(part).arrayBuffer()));
      sent(blob);
    };
    const body = new ReadableStream({ pull }, { highWaterMark: 0 });
    await post('multipart/x-mixed-replace; boundary=' + boundary, body, { duplex: 'half' });
  }

  (async () => {
    let streams = stream && sendsStreams();
    while (!over.signal.aborted) {
      const start = Date.now();
      try {
        await (streams ? endless() : one());
      } catch (error) {
        if (over.signal.aborted) break;
        // A proxy may not pass on an endless request.
        if (streams && !error.status && Date.now() - start < 5000) { streams = false; continue; }
        tell('waiting', error);
        if (await onerror?.(error)) continue;
        const seconds = error.wait || Math.min(10, 2 ** failures++) * (0.5 + Math.random() / 2);
        await new Promise(done => {
          over.signal.addEventListener('abort', done);
          setTimeout(() => {
            over.signal.removeEventListener('abort', done);
            done();
          }, 1000 * seconds);
        });
      }
    }
    tell('stopped');
  })();

  function stop() {
    over.abort();
    clock.stop();
    source.stop();
  }

  return { stop };
}

// Whether this browser and this connection can send an endless request. A browser that cannot does not read `duplex`, and
// would send the text "[object ReadableStream]".
export function sendsStreams() {
  let supported = false;
  const body = new ReadableStream();
  const request = new Request('/', { method: 'POST', body, get duplex() { return supported = true, 'half'; } });
  const protocol = performance.getEntriesByType('navigation')[0]?.nextHopProtocol;
  return protocol === 'h2' && supported && !request.headers.has('content-type');
}

// A camera. Options: `size`, the longer side of a picture in pixels, 640; others are those of getUserMedia for the video.
export async function camera({ size = 640, ...video } = {}) {
  const ideal = { width: { ideal: size }, height: { ideal: size * 3 / 4 } };
  return drawn(await navigator.mediaDevices.getUserMedia({ video: { ...ideal, ...video } }), size);
}

// The screen or a window, which the user chooses. Options: as for a camera, with a `size` of 1280.
export async function screen({ size = 1280, ...video } = {}) {
  return drawn(await navigator.mediaDevices.getDisplayMedia({ video }), size);
}

async function drawn(media, size) {
  const video = Object.assign(document.createElement('video'), { srcObject: media, muted: true, playsInline: true });
  await video.play();
  const canvas = document.createElement('canvas'), context = canvas.getContext('2d');
  return {
    canvas,
    draw() {
      const { videoWidth: width, videoHeight: height } = video, scale = Math.min(1, size / Math.max(width, height, 1));
      const [w, h] = [width * scale | 0 || 1, height * scale | 0 || 1];
      // Setting a size clears the canvas. The size changes when a phone is turned.
      if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
      context.drawImage(video, 0, 0, w, h);
    },
    // A video goes on to show the last picture of a camera that was unplugged, or that the user has stopped.
    ended: () => media.getVideoTracks()[0].readyState === 'ended',
    stop: () => media.getTracks().forEach(track => track.stop()),
  };
}

// A worker ticks evenly in a hidden tab too, where browsers slow down timers to one a second or less. A policy without
// `worker-src blob:` forbids it.
function ticks(period) {
  let wake = () => {}, timer, worker;
  const tick = () => wake(), simply = () => timer = setInterval(tick, period);
  try {
    const address = URL.createObjectURL(new Blob([`setInterval(() => postMessage(0), ${period})`]));
    worker = new Worker(address);
    URL.revokeObjectURL(address);
    Object.assign(worker, { onmessage: tick, onerror: simply });
  } catch {
    simply();
  }
  return {
    tick: () => new Promise(done => wake = done),
    stop() { worker?.terminate(); clearInterval(timer); wake(); },
  };
}
