// `test` for files whose tests wait for seconds: with LANE=1/3, every third one from the second on, so that three processes
// share a file.
import every from 'node:test';

const [lane, lanes] = (process.env.LANE ?? '0/1').split('/').map(Number);
let number = 0;
export default (name, body) => number++ % lanes === lane && every(name, body);
