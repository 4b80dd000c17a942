// Tracks of a wall for client.js, which imports this for the first one.

const walls = new Set();
// Whether the width of each <img> is set by the page, `fixed`, by which the server may choose a size. Otherwise the picture sets it,
// and one that goes by its own width would shrink step by step.
const known = new WeakMap();

// Returns the device pixels of a picture's width, in steps; without limit where it is not known.
const measure = image => {
  const { naturalWidth, offsetWidth } = image ?? {};
  if (naturalWidth == null) return Infinity;
  let [natural, last, fixed] = known.get(image) ?? [], width = +image.getAttribute('width');
  // One that is not displayed shows nothing of either.
  if (naturalWidth && offsetWidth) {
    const style = getComputedStyle(image), ratio = offsetWidth / naturalWidth;
    // Below a limit it may go by its picture, unless it is wider than that, borders aside.
    fixed ??= ratio > 1.1 || style.maxWidth + style.maxHeight === 'nonenone' && (width > 0 || ratio !== 1) || null;
    // Another picture, at the same part of its width: the part is of a parent that goes by the picture.
    if (natural !== naturalWidth && Math.abs(ratio - last) < .01) fixed = false;
    known.set(image, [naturalWidth, ratio, fixed]);
  }
  if (fixed) width = offsetWidth || 1;
  return width > 0 ? Math.min(width * (globalThis.devicePixelRatio || 1) + 15 & -16, 65535) : Infinity;
};
// A picture may be shown a bit smaller than it was asked for.
const fits = (asked, width) => asked >= width && asked * .7 <= width;

// Follows a track until its end. Those with the same address and options share a request. When their set changes, or the width of
// one that the server has in several sizes, another is opened beside the running one, and its first part ends that.
export function follow(url, { headers, credentials, limit }, track, client) {
  const key = [url, client.plain(headers), credentials, limit];
  const wall = [...walls].find(({ key: other }) => key.every((value, at) => value === other[at])) ?? share(key, headers, client);
  // Without an error it is an end as well.
  return new Promise((_, end) => wall.add({ ...track, end }));
}

function share(key, headers, { parts, request, text }) {
  const tracks = new Set(), [url, , credentials, limit] = key;
  let running, next, due, resized, awaited;
  // A size counts once it is at rest. Until then each step would be a request.
  const resize = () => {
    clearTimeout(resized);
    resized = setTimeout(turn, 250);
  };
  // An address may say the width of all.
  const sizes = !/[?&]width=/.test(url) && globalThis.ResizeObserver && new ResizeObserver(resize);
  // Another screen or zoom changes the device pixels of an element, and may leave its size.
  const over = new AbortController();
  if (sizes) globalThis.addEventListener?.('resize', resize, over);
  // The <img> may come with the first part. Only with a picture, its width is known.
  const look = (track, image) => {
    if (!sizes || track.image === image) return;
    if (track.image) sizes.unobserve(track.image);
    if (!(track.image = image)) return;
    sizes.observe(image);
    image.addEventListener?.('load', resize, { once: true });
  };
  const wall = {
    key,
    add(track) {
      tracks.add(track);
      look(track, track.inner?.());
      track.signal.onabort = () => end(track, track.signal.reason);
      // A connection of before a sleep may be dead: what has sent nothing since goes, once another has its first part.
      if (next?.heard < track.woken) next = next.abort();
      if (running?.heard < track.woken - 2000) running.names = [];
      // The server sends it no second time.
      else give(track, running?.latest[track.name]);
      renew();
    },
  };
  const give = (track, part) => {
    look(track, track.inner?.());
    if (part) track.take(part).catch(error => end(track, error));
  };
  const end = (track, error) => {
    look(track);
    return tracks.delete(track) && renew(track.end(error));
  };
  // Changes made together, such as by scrolling, are one.
  const renew = () => due ??= setTimeout(turn, running ? 250 : 50);
  const turn = () => {
    due = clearTimeout(due);
    const names = [...new Set([...tracks].map(track => track.name))].sort();
    const widths = { __proto__: null };
    for (const { name, image } of tracks) widths[name] = Math.max(widths[name] ?? 0, measure(image));
    const alike = request => JSON.stringify(names) === JSON.stringify(request?.names) &&
      names.every(name => !request.sized.has(name) || fits(request.widths[name], widths[name]));
    if (alike(next)) return;
    next = next?.abort();
    if (!names[0]) walls.delete(wall), running = running?.abort(), over.abort();
    else if (!alike(running)) open(names, widths);
  };
  const open = async (names, widths) => {
    const own = next = new AbortController();
    own.names = names;
    own.widths = widths;
    own.sized = new Set();
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
      const asked = names.map(name => isFinite(widths[name]) ? widths[name] : '');
      const width = asked.some(Boolean) ? `&width=${asked}` : '';
      const response = await request(`${url}${url.includes('?') ? '&' : '?'}of=${names.map(encodeURIComponent)}${width}`, { headers, credentials }, own.signal);
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
          const { tracks: words, sized = [] } = JSON.parse(text(part));
          sized.forEach(name => own.sized.has(name) || resize(own.sized.add(name)));
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
    const unknown = error?.response?.headers.get('x-unknown-tracks')?.split(',').map(decodeURIComponent);
    const gone = mine().filter(({ name }) => unknown?.includes(name));
    // Those that the other request has go on, and those that the server knows are asked for again. If one that is sent was removed,
    // the running request reports that in a moment. If it does not, another server has answered, which does not know it.
    const lost = (gone[0] ? gone : mine()).filter(({ name }) => gone[0] && awaited === running || !(running ?? next)?.names.includes(name));
    awaited = gone[lost.length] && running;
    lost.forEach(track => end(track, error));
    // What runs has all of these: a smaller request can wait.
    if (lost[0] || next) turn();
    else setTimeout(renew, awaited ? 500 : 5000);
  };
  walls.add(wall);
  return wall;
}
