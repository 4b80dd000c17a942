// Tracks of a wall for client.js, which imports this for the first one.

const walls = new Set();

// Follows a track until its end. Those with the same address and options share a request. When their set changes, another is
// opened beside the running one, and its first part ends that.
export function follow(url, { headers, credentials, limit }, track, client) {
  const key = [url, client.plain(headers), credentials, limit];
  const wall = [...walls].find(({ key: other }) => key.every((value, at) => value === other[at])) ?? share(key, headers, client);
  // Without an error it is an end as well.
  return new Promise((_, end) => wall.add({ ...track, end }));
}

function share(key, headers, { parts, request, text }) {
  const tracks = new Set(), [url, , credentials, limit] = key;
  let running, next, due;
  const wall = {
    key,
    add(track) {
      tracks.add(track);
      track.signal.onabort = () => end(track, track.signal.reason);
      // A connection of before a sleep may be dead: what has sent nothing since goes, once another has its first part.
      if (next?.heard < track.woken) next = next.abort();
      if (running?.heard < track.woken - 2000) running.names = [];
      // The server sends it no second time.
      else give(track, running?.latest[track.name]);
      renew();
    },
  };
  const give = (track, part) => part && track.take(part).catch(error => end(track, error));
  const end = (track, error) => tracks.delete(track) && renew(track.end(error));
  // Changes made together, such as by scrolling, are one.
  const renew = () => due ??= setTimeout(turn, running ? 250 : 50);
  const turn = () => {
    due = clearTimeout(due);
    const names = [...new Set([...tracks].map(track => track.name))].sort();
    const alike = request => JSON.stringify(names) === JSON.stringify(request?.names);
    if (alike(next)) return;
    next = next?.abort();
    if (!names[0]) walls.delete(wall), running = running?.abort();
    else if (!alike(running)) open(names);
  };
  const open = async names => {
    const own = next = new AbortController();
    own.names = names;
    own.latest = { __proto__: null };
    own.heard = Date.now();
    const mine = () => [...tracks].filter(({ name }) => own.names.includes(name));
    // There may be a thousand chunks a second, and a hundred tracks. A clock may be set back.
    const hear = () => {
      const now = Date.now();
      if (Math.abs(now - own.heard) > 99) own.heard = now, mine().forEach(track => track.hear());
    };
    let error;
    try {
      const response = await request(`${url}${url.includes('?') ? '&' : '?'}of=${names.map(encodeURIComponent)}`, { headers, credentials }, own.signal);
      for await (const part of parts(response, limit, hear)) {
        if (own === next) {
          running?.abort();
          running = own;
          next = null;
        }
        // What it still holds is older than what the other request has.
        if (own !== running) return;
        const location = part.headers.get('content-location');
        if (location) {
          const name = decodeURIComponent(location.split('/').pop());
          if (own.names.includes(name)) own.latest[name] = part;
          tracks.forEach(track => track.name === name && give(track, part));
        } else if (/json/.test(part.type)) {
          const words = JSON.parse(text(part)).tracks;
          for (const track of mine()) {
            const word = words[track.name];
            if (word === 'ended') {
              own.names = own.names.filter(name => name !== track.name);
              end(track);
            } else track.tell(word);
          }
        }
      }
    } catch (why) {
      error = why;
    }
    // The body of a refusal is not read.
    own.abort();
    if (own === next) next = null;
    else if (own === running) running = null;
    else return;
    // Those that the other request has go on, and those that the server knows are asked for again.
    const lost = mine().filter(({ name }) => !(running ?? next)?.names.includes(name));
    const unknown = error?.response?.headers.get('x-unknown-tracks')?.split(',').map(decodeURIComponent);
    const gone = mine().filter(({ name }) => unknown?.includes(name));
    (gone[0] ? gone : lost).forEach(track => end(track, error));
    // What runs has all of these: a smaller request can wait.
    if (gone[0] || lost[0] || next) turn();
    else setTimeout(renew, 5000);
  };
  walls.add(wall);
  return wall;
}
