// One participant: joins, sends the pictures of a source, leaves.

import { send } from '/send.js';

export class Participant {
  #name; #source; #hooks; #token; #sending;

  // Hooks: joined(id), sent(bytes), problem(text or ''), wanted() returns whether there are viewers.
  constructor(name, source, hooks) {
    [this.#name, this.#source, this.#hooks] = [name, source, hooks];
  }

  async join() {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch('/people', { method: 'POST', headers, body: JSON.stringify({ name: this.#name }) });
    if (!response.ok) throw Object.assign(Error(await response.text()), { status: response.status });
    ({ id: this.id, token: this.#token } = await response.json());
    this.#hooks.joined(this.id);
  }

  // Sends until it leaves, and recovers from errors.
  send() {
    const { problem, sent, wanted } = this.#hooks;
    this.#sending = send(() => this.#url, this.#source, {
      headers: () => this.#headers, stream: true, wanted, onsent: sent,
      onstate: (state, error) => {
        // The server was restarted, or has removed the participant, which joins again.
        if (state === 'sending') problem('');
        else if (error && !lost(error)) problem(error.status ? sentence(error.message) : 'The server does not respond. Sending continues when it is back.');
      },
      onerror: async error => lost(error) && this.join().then(() => true, again => {
        problem(again.status ? sentence(again.message) : 'The server does not respond.');
      }),
    });
  }

  leave() {
    this.#sending ? this.#sending.stop() : this.#source.stop();
    // `keepalive`, because the page may be closing.
    if (this.#token) fetch(this.#url, { method: 'DELETE', headers: this.#headers, keepalive: true }).catch(() => {});
  }

  get #url() { return '/people/' + this.id; }

  get #headers() { return { authorization: 'Bearer ' + this.#token }; }
}

function lost({ status }) { return [401, 403, 404].includes(status); }

// A message of the server as a sentence.
export function sentence(message) {
  message = message.trim();
  return message && message[0].toUpperCase() + message.slice(1) + (message.endsWith('.') ? '' : '.');
}
