import type { Message } from '../contract/message.js'
import { methodSubject } from '../message/subjects.js'
import { decodeHeaderValue, encodeHeaderValue } from '../protocol/header-value.js'

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
  if (value === undefined || sent === value || (sent !== null && decodeHeaderValue(sent) === value)) return
  headers.set(header, encodeHeaderValue(value))
}
