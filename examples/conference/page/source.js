// The source of your pictures: a camera, or a moving drawing. Each draws its pictures on a canvas.

import { camera as open } from '/send.js';

const LARGEST = 640;

export const hasCamera = Boolean(navigator.mediaDevices?.getUserMedia);

// Fails with a message that says what to do.
export async function camera() {
  try {
    return Object.assign(await open({ size: LARGEST, facingMode: 'user' }), { mirrored: true });
  } catch (error) {
    throw Error({
      NotAllowedError: 'The browser blocks the camera for this page. Allow it next to the address, or join with a test picture.',
      NotFoundError: 'No camera found. Connect one, or join with a test picture.',
      NotReadableError: 'Another program is using the camera. Close it, or join with a test picture.',
    }[error.name] ?? `Cannot start the camera (${error.message || error.name}). Try again, or join with a test picture.`);
  }
}

// For participants without a camera: the name, the time, and a moving figure.
export function painted(name) {
  const canvas = Object.assign(document.createElement('canvas'), { width: LARGEST, height: 480 });
  const context = canvas.getContext('2d');
  const hue = [...name].reduce((sum, letter) => (sum * 97 + letter.codePointAt(0)) % 360, 0);
  const dot = (x, y, radius, color) => {
    context.fillStyle = color;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  };
  const text = (words, y, font, color) => {
    Object.assign(context, { font: font + ' system-ui, sans-serif', fillStyle: color, textAlign: 'center', textBaseline: 'middle' });
    context.fillText(words, 320, y, 560);
  };
  return {
    canvas,
    draw() {
      const seconds = Date.now() / 1000, sway = Math.sin(seconds * 1.3);
      const sky = context.createLinearGradient(0, 0, LARGEST, 480);
      sky.addColorStop(0, `hsl(${hue} 45% 26%)`);
      sky.addColorStop(1, `hsl(${hue + 50} 50% 12%)`);
      context.fillStyle = sky;
      context.fillRect(0, 0, LARGEST, 480);
      for (let i = 0; i < 12; i++) {
        const turn = seconds * 0.9 + i * Math.PI / 6;
        dot(320 + 150 * Math.cos(turn), 200 + 150 * Math.sin(turn), 4 + i, `hsl(${hue + 8 * i} 70% 65% / ${(i + 2) / 14})`);
      }
      text([...name.trim()][0]?.toUpperCase() ?? '', 206 + 8 * sway, '600 120px', '#fff');
      text(new Date().toISOString().slice(11, 21) + ' UTC', 398, '500 26px', `hsl(${hue} 60% 85%)`);
    },
    stop() {},
  };
}
