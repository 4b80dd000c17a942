// One participant: joins, sends the pictures of a source, leaves.

// Chromium sends a stream as a request body over HTTP/2. A browser without that feature does not read `duplex`, and would send
// the text "[object ReadableStream]".
export function sendsStreams(protocol) {
  let supported = false;
  const body = new ReadableStream();
  const request = new Request('/', { method: 'POST', body, get duplex() { return supported = true, 'half'; } });
  return protocol === 'h2' && supported && !request.headers.has('content-type');
}

const PERIOD = 100, QUALITY = 0.75;

export class Participant {
  #name; #source; #hooks; #token; #over = new AbortController(); #clock = clock(PERIOD);

  // Hooks: joined(id), sent(bytes), problem(text or ''), wanted() returns whether there are viewers; `streams` is sendsStreams.
  constructor(name, source, hooks) {
    [this.#name, this.#source, this.#hooks] = [name, source, hooks];
  }

  async join() {
    const response = await ask('/people', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: this.#name }),
    });
    ({ id: this.id, token: this.#token } = await response.json());
    this.#hooks.joined(this.id);
  }

  // Sends until it leaves, and recovers from errors.
  async send() {
    let { streams } = this.#hooks;
    while (!this.#over.signal.aborted) {
      const start = Date.now();
      try {
        await (streams ? this.#stream() : this.#one());
        this.#hooks.problem('');
      } catch (error) {
        if (this.#over.signal.aborted) return;
        // A proxy may not support request streams, so fall back to one picture for each request.
        if (streams && !error.status) streams = Date.now() - start > 5000;
        else if (await this.#recover(error)) streams = this.#hooks.streams;
      }
    }
  }

  leave() {
    this.#over.abort();
    this.#clock.stop();
    this.#source.stop();
    // `keepalive`, because the page may be closing.
    if (this.#token) fetch(this.#url, { method: 'DELETE', headers: this.#headers(), keepalive: true }).catch(() => {});
  }

  get #url() { return '/people/' + this.id; }

  #headers(type) { return { authorization: 'Bearer ' + this.#token, ...type && { 'content-type': type } }; }

  #post(type, body, more) {
    return ask(this.#url, { method: 'POST', headers: this.#headers(type), body, signal: this.#over.signal, ...more });
  }

  // Waits until the next picture is due. Without viewers, a low rate only keeps the seat.
  async #picture() {
    for (let ticks = 0; ticks === 0 || ticks < 15 && !this.#hooks.wanted(); ticks++) await this.#clock.tick();
    this.#source.draw();
    return new Promise(done => this.#source.canvas.toBlob(done, 'image/jpeg', QUALITY));
  }

  // The next picture is drawn after this one has arrived, so that none is queued.
  async #one() {
    const picture = await this.#picture();
    await this.#post('image/jpeg', picture);
    this.#hooks.sent(picture.size);
  }

  async #stream() {
    const boundary = crypto.randomUUID().replaceAll('-', '');
    const pull = async controller => {
      const picture = await this.#picture();
      const part = [`--${boundary}\r\nContent-Type: image/jpeg\r\nContent-Length: ${picture.size}\r\n\r\n`, picture, '\r\n'];
      controller.enqueue(new Uint8Array(await new Blob(part).arrayBuffer()));
      this.#hooks.problem('');
      this.#hooks.sent(picture.size);
    };
    const body = new ReadableStream({ pull }, { highWaterMark: 0 });
    await this.#post('multipart/x-mixed-replace; boundary=' + boundary, body, { duplex: 'half' });
  }

  // Returns whether it has joined again.
  async #recover(error) {
    // The server was restarted, or has removed the participant.
    const lost = [401, 403, 404].includes(error.status);
    if (!lost) this.#hooks.problem(error.status ? sentence(error.message) : 'The server does not respond. Sending continues when it is back.');
    try {
      if (lost) return await this.join(), true;
    } catch (again) {
      error = again;
      this.#hooks.problem(again.status ? sentence(again.message) : 'The server does not respond.');
    }
    await new Promise(done => setTimeout(done, 1000 * (error.wait || 1)));
  }
}

// Returns a successful response. An error has the message of the server, and the seconds of `Retry-After`.
async function ask(url, options) {
  const response = await fetch(url, options);
  if (response.ok) return response;
  const { status, headers } = response;
  throw Object.assign(Error(await response.text()), { status, wait: +headers.get('retry-after') });
}

// A message of the server as a sentence.
export function sentence(message) {
  message = message.trim();
  return message && message[0].toUpperCase() + message.slice(1) + (message.endsWith('.') ? '' : '.');
}

// A worker ticks evenly in a hidden tab too, where browsers slow down timers to one a second or less.
function clock(period) {
  const worker = new Worker(URL.createObjectURL(new Blob([`setInterval(() => postMessage(0), ${period})`])));
  let wake = () => {};
  worker.onmessage = () => wake();
  return { tick: () => new Promise(done => wake = done), stop: () => worker.terminate() };
}
