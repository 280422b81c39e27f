import { concat } from '../body/read-body.js'

const encoder = new TextEncoder()
const data = encoder.encode('data: ')
const newline = encoder.encode('\n')
const end = encoder.encode('\n\n')

/**
 * Writes one event of a `text/event-stream`. In valid JSON, line breaks are white space alone, and each gets a `data`
 * line of its own.
 *
 * @param rest the other lines of the event, each with a line feed
 */
export function writeEvent(json: Uint8Array, rest = ''): Uint8Array {
  const parts: Uint8Array[] = [encoder.encode(rest)]
  let start = 0
  for (let index = 0; index <= json.length; index++) {
    const byte = json[index]
    if (byte !== 0x0a && byte !== 0x0d && byte !== undefined) continue
    if (index > start) parts.push(data, json.subarray(start, index), newline)
    start = index + 1
  }
  parts[parts.length - 1] = end
  return concat(
    parts,
    parts.reduce((sum, part) => sum + part.length, 0),
  )
}
