import { displayText } from '../text/display-text.js'
import type { UpstreamResponse } from './upstream-response.js'

const maxShown = 100
const page = /^(?:text\/html|application\/xhtml\+xml)$/

/** The media type of an answer, in lower case and without parameters; empty where there is none. */
export function typeOf({ headers }: UpstreamResponse): string {
  const type = headers.get('content-type')
  if (type === null || type === 'application/json' || type === 'text/event-stream') return type ?? ''
  return (type.split(';')[0] ?? '').trim().toLowerCase()
}

/**
 * What makes an answer none of an MCP server, as far as its head tells: what its developer is told.
 *
 * @param isAwaited whether a request waits for a message
 */
export function headFault(response: UpstreamResponse, isAwaited: boolean, hasBody: boolean): string | undefined {
  const { status, unknownCoding } = response
  if (unknownCoding !== undefined) {
    const coding = displayText(unknownCoding, maxShown)
    return `The server answered in the content coding "${coding}", which the gateway did not ask for and cannot unpack`
  }
  if (status < 300 && page.test(typeOf(response))) return wrongType(response)
  return isAwaited && !hasBody ? noBody(response) : undefined
}

/** What makes a body no message that a request waits for. Of a long one only the type is looked at. */
export function bodyFault(body: Uint8Array | ReadableStream, response: UpstreamResponse): string | undefined {
  const isJson = typeOf(response) === 'application/json'
  if (!(body instanceof Uint8Array)) return isJson ? undefined : wrongType(response)
  let start = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0
  let end = body.length
  while (start < end && isSpace(body[start])) start++
  while (start < end && isSpace(body[end - 1])) end--
  if (start === end) return noBody(response)
  if (body[start] !== openBrace && body[start] !== openBracket) {
    return isJson ? "The server's answer is no JSON-RPC message" : wrongType(response)
  }
  const close = body[start] === openBrace ? closeBrace : closeBracket
  return body[end - 1] === close ? undefined : "The server's answer is cut off: its JSON has no end"
}

/** What is said where a body that was to be unpacked has failed. */
export function codingFault({ headers }: UpstreamResponse): string | undefined {
  const coding = headers.get('content-encoding')?.trim().toLowerCase() ?? ''
  if (coding === '' || coding === 'identity') return undefined
  const shown = displayText(coding, maxShown)
  return `The server's answer in the content coding "${shown}" cannot be unpacked: it is cut off or not of that coding`
}

function wrongType({ headers }: UpstreamResponse): string {
  const type = headers.get('content-type')
  const what = type === null ? 'no content type' : displayText(type, maxShown)
  return `The server answered with ${what}, which is neither JSON nor an event stream`
}

function noBody({ status }: UpstreamResponse): string {
  return `The server answered ${status} without a body`
}

const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
