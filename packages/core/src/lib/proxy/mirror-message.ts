import type { Message } from '../contract/message.js'
import { decodeHeader } from '../message/modern-headers.js'
import { methodSubject } from '../message/subjects.js'

/**
 * Brings `Mcp-Method` and `Mcp-Name` in line with a message of the modern era that was changed on its way, so that the
 * upstream finds them equal (MCP M8). `Mcp-Param-*` headers are left alone (M10): they go on as they came, and the
 * upstream, which knows its tools' schemas, compares them with the arguments, which go on as they came too.
 */
export function mirrorMessage(headers: Headers, { method, name }: Message): void {
  mirror(headers, 'mcp-method', method)
  if (methodSubject(method ?? '')?.isMirrored === true) mirror(headers, 'mcp-name', name)
}

function mirror(headers: Headers, header: string, value: string | undefined): void {
  const sent = headers.get(header)
  if (value === undefined || sent === value || (sent !== null && decodeHeader(sent) === value)) return
  headers.set(header, encodeHeader(value))
}

/** A value that a header cannot hold as it is, or that would be read as encoded, is encoded (M9). */
function encodeHeader(value: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !value.startsWith('=?base64?')) return value
  const bytes = new TextEncoder().encode(value)
  return `=?base64?${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}?=`
}
