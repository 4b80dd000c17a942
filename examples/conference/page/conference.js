// Who is here, and what they look like.

import { show, watch } from '/client.js';
import { Participant, sendsStreams } from '/send.js';
import { camera, hasCamera, painted } from '/source.js';

const $ = id => document.getElementById(id);
const protocol = performance.getEntriesByType('navigation')[0]?.nextHopProtocol ?? '';
// As many responses as one likes, one for each picture; or all pictures in one.
const alone = /^h[23]/.test(protocol), streams = sendsStreams(protocol);

const tiles = new Map();
let room = { people: [] }, me, source, stream, state;

// --- Everyone ---

function look() {
  stream?.close();
  const query = alone ? '?only=list' : me?.id ? '?without=' + me.id : '';
  stream = watch('/watch' + query, {
    again: 1,
    async onpart(part) {
      const id = part.headers.get('x-participant');
      if (!id) listed(JSON.parse(new TextDecoder().decode(part.body)));
      else if (tiles.has(+id)) await tiles.get(+id).show(part);
    },
    onstate(next) {
      // An image does not say that its stream has ended.
      if (next === 'live' && state && state !== 'connecting') tiles.forEach(tile => tile.again());
      state = next;
      document.body.className = { live: 'live', reconnecting: 'lost', stale: 'lost' }[state] ?? '';
      told();
    },
  });
}

function listed(now) {
  if (now.run !== room.run) clear(() => true);
  const before = new Map(room.people.map(person => [person.id, person]));
  if (room.run === now.run) {
    const news = [
      ...now.people.filter(person => !before.has(person.id) && person.id !== me?.id).map(person => person.name + ' has joined.'),
      ...room.people.filter(person => !now.people.some(({ id }) => id === person.id)).map(person => person.name + ' has left.'),
    ];
    if (news.length) $('said').textContent = news.join(' ');
  }
  room = now;
  draw();
}

function draw() {
  clear(id => !room.people.some(person => person.id === id));
  for (const person of room.people) {
    const mine = person.id === me?.id;
    if (tiles.get(person.id)?.mine !== mine) clear(id => id === person.id);
    if (!tiles.has(person.id)) tiles.set(person.id, tile(person, mine));
    tiles.get(person.id).update(person);
  }
  $('grid').append(...room.people.map(person => tiles.get(person.id).figure).filter(figure => !figure.parentNode));
  $('empty').hidden = room.people.length > 0 || !room.run;
  told();
}

function clear(which) {
  for (const [id, tile] of tiles) {
    if (!which(id)) continue;
    tile.remove();
    tiles.delete(id);
  }
}

function told() {
  const words = { reconnecting: 'no answer, trying again', stale: 'no news', paused: 'paused' };
  const people = room.people.length;
  $('state').textContent = state === 'live' ? `${people} ${people === 1 ? 'person' : 'people'} · ${room.watching} watching` : words[state] ?? 'connecting';
}

// --- One of them ---

function tile({ id, name, demo }, mine) {
  const figure = element('figure', { className: mine && source.mirrored ? 'mirrored' : '' });
  figure.dataset.id = id;
  const waiting = element('p', { className: 'waiting', textContent: 'no picture yet' });
  const picture = mine ? source.canvas : element('img', { alt: `What ${name} shows`, onload: () => waiting.remove() });
  const tag = element('span', { className: 'tag', textContent: mine ? 'you' : 'demo', hidden: !mine && !demo });
  const word = element('span', { className: 'word' });
  const caption = element('figcaption');
  caption.append(element('span', { className: 'name', textContent: name }), tag, word);
  figure.append(...mine ? [] : [waiting], picture, caption);
  let playing = false;
  const self = {
    figure, mine, word,
    // The server has them all, of which a hidden tab needs none.
    again() {
      if (mine || !alone) return;
      playing = !document.hidden;
      picture.src = playing ? `/people/${id}?${Date.now()}` : '';
    },
    show: part => mine || show(picture, part),
    update({ quiet }) {
      figure.classList.toggle('quiet', quiet);
      if (!mine) word.textContent = quiet ? 'no new picture' : '';
    },
    remove() {
      figure.remove();
      if (!mine) {
        if (picture.src.startsWith('blob:')) URL.revokeObjectURL(picture.src);
        picture.src = '';
      }
    },
  };
  self.again();
  return self;
}

function element(name, properties) { return Object.assign(document.createElement(name), properties); }

document.addEventListener('visibilitychange', () => { if (document.hidden) tiles.forEach(tile => tile.again()); });

// --- Yourself ---

$('join').addEventListener('submit', async event => {
  event.preventDefault();
  const name = $('name').value.trim(), how = event.submitter?.value ?? (hasCamera ? 'camera' : 'painted');
  busy(true);
  problem('');
  try {
    source = how === 'camera' ? await camera() : painted(name);
    source.draw();
    me = new Participant(name, source, { joined, sent, problem, streams, wanted });
    await me.join();
  } catch (error) {
    source?.stop();
    me = source = undefined;
    problem(error.status || !(error instanceof TypeError) ? error.message : 'The server does not answer. Try again.');
    busy(false);
    return;
  }
  localStorage.name = name;
  me.send();
});

function joined() {
  busy(false);
  $('join').hidden = !($('joined').hidden = false);
  $('sending').textContent = 'You are in.';
  if (!alone) look();
  draw();
}

// What it comes to, once a second.
let count = 0, bytes = 0, since = Date.now();
function sent(size) {
  [count, bytes] = [count + 1, bytes + size];
  const seconds = (Date.now() - since) / 1000;
  if (seconds < 1) return;
  const watched = wanted() ? '' : ' Nobody looks, so it is only a few.';
  $('sending').textContent = `You send ${(count / seconds).toFixed(count / seconds < 2 ? 1 : 0)} pictures a second, ${(bytes / count / 1000).toFixed(0)} kB each.${watched}`;
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
  look();
});

addEventListener('pagehide', leave);
addEventListener('pageshow', event => { if (event.persisted) location.reload(); });

function problem(sentence) {
  if ($('note').textContent !== sentence) $('note').textContent = sentence;
  if (sentence) $('sending').textContent = 'Nothing goes out.';
}

function busy(on) { for (const id of ['camera', 'painted']) $(id).disabled = on || id === 'camera' && !hasCamera; }

// --- The page says how it works here ---

$('name').value = localStorage.name ?? '';
if (!hasCamera) {
  $('hint').textContent = `A browser gives its camera to pages over https or from this very machine only, and this page came from
    ${location.origin}. Start the server with --tls and open it with https://, or join with a test picture.`;
  // What Enter presses is the first button that submits.
  $('camera').type = 'button';
  $('camera').classList.remove('main');
  $('painted').classList.add('main');
}
busy(false);
$('how').textContent = (alone
  ? `Over HTTP/2: each participant's picture is an image of its own, whose response never ends (multipart/x-mixed-replace);
     no script plays it, and all of them share one connection.`
  : `Over HTTP/1.1, where a browser holds six connections to a site: so all pictures come in one response
     (multipart/mixed), and the page's script puts each into its tile. With --tls they come over HTTP/2, each for itself.`)
  + (streams ? ' Yours go out as the parts of one request that does not end.' : ' Yours go out one after the other, each in a request.');

look();
