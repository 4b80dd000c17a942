// The page: the list of participants and their pictures.

import { watch } from '/client.js';
import { Participant, sentence } from '/participant.js';
import { sendsStreams } from '/send.js';
import { camera, hasCamera, painted } from '/source.js';

const $ = id => document.getElementById(id);
const tiles = new Map();
let room = { people: [] }, me, source, state;

// --- All participants ---

// The list comes in the same response as the pictures, which are other tracks of it.
watch('/watch#list', {
  again: 1,
  onpart: part => update(JSON.parse(new TextDecoder().decode(part.body))),
  onstate(next) {
    state = next;
    document.body.className = { live: 'live', reconnecting: 'lost', stale: 'lost' }[state] ?? '';
    showState();
  },
});

function update(next) {
  if (next.run !== room.run) clear(() => true);
  const before = new Map(room.people.map(person => [person.id, person]));
  if (room.run === next.run) {
    const news = [
      ...next.people.filter(person => !before.has(person.id) && person.id !== me?.id).map(person => person.name + ' has joined.'),
      ...room.people.filter(person => !next.people.some(({ id }) => id === person.id)).map(person => person.name + ' has left.'),
    ];
    if (news.length) $('said').textContent = news.join(' ');
  }
  room = next;
  draw();
}

function draw() {
  clear(id => !room.people.some(person => person.id === id));
  for (const person of room.people) {
    const own = person.id === me?.id;
    if (tiles.get(person.id)?.own !== own) clear(id => id === person.id);
    if (!tiles.has(person.id)) tiles.set(person.id, tile(person, own));
    tiles.get(person.id).update(person);
  }
  $('grid').append(...room.people.map(person => tiles.get(person.id).figure).filter(figure => !figure.parentNode));
  $('empty').hidden = room.people.length > 0 || !room.run;
  showState();
}

function clear(which) {
  for (const [id, tile] of tiles) {
    if (!which(id)) continue;
    tile.figure.remove();
    tiles.delete(id);
  }
}

function showState() {
  const words = { reconnecting: 'no response, reconnecting', stale: 'no updates', paused: 'paused' };
  const people = room.people.length;
  $('state').textContent = state === 'live' ? `${people} ${people === 1 ? 'person' : 'people'} · ${room.watching} watching` : words[state] ?? 'connecting';
}

// --- One participant ---

function tile({ id, name, demo }, own) {
  const figure = element('figure', { className: own && source.mirrored ? 'mirrored' : '' });
  figure.dataset.id = id;
  const waiting = element('p', { className: 'waiting', textContent: 'no picture yet' });
  const picture = own ? source.canvas : element('img', { alt: `Picture of ${name}`, onload: () => waiting.remove() });
  const tag = element('span', { className: 'tag', textContent: own ? 'you' : 'demo', hidden: !own && !demo });
  const word = element('span', { className: 'word' });
  const caption = element('figcaption');
  caption.append(element('span', { className: 'name', textContent: name }), tag, word);
  if (own) {
    figure.append(picture, caption);
  } else {
    const stream = element('mixed-replace', { src: '/watch#' + id });
    stream.append(picture);
    figure.append(waiting, stream, caption);
  }
  return {
    figure, own,
    update({ quiet }) {
      figure.classList.toggle('quiet', quiet);
      if (!own) word.textContent = quiet ? 'no new picture' : '';
    },
  };
}

function element(name, properties) { return Object.assign(document.createElement(name), properties); }

// --- Yourself ---

$('join').addEventListener('submit', async event => {
  event.preventDefault();
  const name = $('name').value.trim(), how = event.submitter?.value ?? (hasCamera ? 'camera' : 'painted');
  busy(true);
  problem('');
  try {
    source = how === 'camera' ? await camera() : painted(name);
    source.draw();
    me = new Participant(name, source, { joined, sent, problem, wanted });
    await me.join();
  } catch (error) {
    source?.stop();
    me = source = undefined;
    problem(error.status || !(error instanceof TypeError) ? sentence(error.message) : 'The server does not respond. Try again.');
    busy(false);
    return;
  }
  localStorage.name = name;
  me.send();
});

function joined() {
  busy(false);
  $('join').hidden = !($('joined').hidden = false);
  $('sending').textContent = 'You have joined.';
  draw();
}

// Shows the rate of the sent pictures once a second.
let count = 0, bytes = 0, since = Date.now();
function sent(size) {
  [count, bytes] = [count + 1, bytes + size];
  const seconds = (Date.now() - since) / 1000;
  if (seconds < 1) return;
  const watched = wanted() ? '' : ' Nobody is watching, so the rate is low.';
  $('sending').textContent = `Sending ${(count / seconds).toFixed(count / seconds < 2 ? 1 : 0)} pictures a second, ${(bytes / count / 1000).toFixed(0)} kB each.${watched}`;
  [count, bytes, since] = [0, 0, Date.now()];
}

function wanted() { return (room.people.find(person => person.id === me?.id)?.viewers ?? 1) > 0; }

function leave() {
  me?.leave();
  if (me) clear(id => id === me.id);
  me = source = undefined;
}

$('leave').addEventListener('click', () => {
  leave();
  problem('');
  $('joined').hidden = !($('join').hidden = false);
});

addEventListener('pagehide', leave);
addEventListener('pageshow', event => { if (event.persisted) location.reload(); });

function problem(text) {
  if ($('note').textContent !== text) $('note').textContent = text;
  if (text) $('sending').textContent = 'Not sending.';
}

function busy(on) { for (const id of ['camera', 'painted']) $(id).disabled = on || id === 'camera' && !hasCamera; }

// --- The description of the connection ---

$('name').value = localStorage.name ?? '';
if (!hasCamera) {
  $('hint').textContent = `Browsers allow camera access only over https or from the same machine, and this page is from
    ${location.origin}. Start the server with --tls and open it with https://, or join with a test picture.`;
  // Enter presses the first submit button.
  $('camera').type = 'button';
  $('camera').classList.remove('main');
  $('painted').classList.add('main');
}
busy(false);
$('how').textContent = 'All pictures share one endless response (multipart/mixed), of which each tile shows one track. '
  + (sendsStreams() ? 'Your pictures are the parts of one endless request.' : 'Your pictures are sent one request each.');
