// Sends pictures as a program on Node does, and prints its address: node sender.mjs FOLDER.

import { readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

const [, , folder] = process.argv
const pictures = readdirSync(folder).sort().map((file) => readFileSync(join(folder, file)))

const server = createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'multipart/x-mixed-replace; boundary="mjpeg-boundary"' })
  for (const picture of pictures) {
    response.write(`--mjpeg-boundary\nContent-Type: image/jpeg\nContent-length: ${picture.length}\n\n`)
    response.write(picture)
    response.write('\n')
  }
  response.end()
})
server.listen(0, '127.0.0.1', () => console.log(`127.0.0.1:${server.address().port}`))
