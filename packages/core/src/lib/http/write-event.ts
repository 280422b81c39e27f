const encoder = new TextEncoder()
const data = encoder.encode('data: ')
const name = encoder.encode('event: message\n')
const lineFeed = 0x0a

/**
 * Writes one event of a `text/event-stream`. In valid JSON, line breaks are white space alone, and each gets a `data`
 * line of its own.
 *
 * @param rest the other lines of the event, each with a line feed
 */
export function writeEvent(json: Uint8Array, rest = ''): Uint8Array {
  const head = rest === '' ? name : encoder.encode(/^event:/m.test(rest) ? rest : `event: message\n${rest}`)
  let length = head.length + 1
  eachLine(json, (start, end) => {
    length += data.length + end - start + 1
  })
  const event = new Uint8Array(length)
  event.set(head)
  let at = head.length
  eachLine(json, (start, end) => {
    event.set(data, at)
    at += data.length
    event.set(start === 0 && end === json.length ? json : json.subarray(start, end), at)
    at += end - start
    event[at++] = lineFeed
  })
  event[at] = lineFeed
  return event
}

/** Visits the lines that are not empty. */
function eachLine(json: Uint8Array, visit: (start: number, end: number) => void): void {
  let start = 0
  for (let index = 0; index <= json.length; index++) {
    const byte = json[index]
    if (byte !== 0x0a && byte !== 0x0d && byte !== undefined) continue
    if (index > start) visit(start, index)
    start = index + 1
  }
}
