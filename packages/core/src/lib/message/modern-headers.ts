import type { Message } from '../contract/message.js'
import { MessageError } from './message-error.js'
import { methodSubject } from './subjects.js'

const versionKey = 'io.modelcontextprotocol/protocolVersion'
const capabilitiesKey = 'io.modelcontextprotocol/clientCapabilities'
const headerMismatch = -32020

/**
 * Checks a message of the modern era against its headers, so that whoever reads only the headers decides about the
 * same request as whoever reads the body.
 *
 * @throws {MessageError} -32602 for missing `_meta` fields, -32020 for headers that are missing or differ
 */
export function checkModernHeaders(message: Message, headers: Headers): void {
  if (message.kind === 'response') {
    // M4: the body must be a request or a notification
    throw new MessageError(-32600, 'A response cannot be sent here; this revision has no requests from the server')
  }
  const meta = message.json().params?._meta as Record<string, unknown> | null | undefined
  const id = message.id
  const version = headers.get('mcp-protocol-version')?.trim()
  const declared = meta?.[versionKey]
  if (message.kind === 'request') {
    // M11
    if (typeof declared !== 'string') throw missing(versionKey, id)
    if (typeof meta?.[capabilitiesKey] !== 'object' || meta[capabilitiesKey] === null)
      throw missing(capabilitiesKey, id)
  }
  // M6
  if (version === undefined) throw mismatch(`The header MCP-Protocol-Version is missing; send ${declared}`, id)
  if (declared !== undefined && declared !== version) {
    throw mismatch(`MCP-Protocol-Version is ${version}, but "_meta" says ${String(declared).slice(0, 50)}`, id)
  }
  checkMirror('Mcp-Method', headers.get('mcp-method'), message.method, message)
  const sentName = headers.get('mcp-name')
  // Without a name in the header and in the body, what is wrong is the body
  const isAbsent = sentName === null && message.name === undefined
  if (methodSubject(message.method ?? '')?.isMirrored === true && !isAbsent) {
    checkMirror('Mcp-Name', sentName, message.name, message)
  }
}

// M8
function checkMirror(header: string, sent: string | null, expected: string | undefined, { kind, id }: Message): void {
  if (sent === null) {
    if (kind === 'notification') return
    throw mismatch(`The header ${header} is missing`, id)
  }
  const value = decodeHeader(sent.trim())
  if (value === undefined) throw mismatch(`The header ${header} is not well-formed base64 in UTF-8`, id)
  if (value !== expected) throw mismatch(`The header ${header} differs from the body`, id)
}

const encoded = /^=\?base64\?((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)\?=$/
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads `=?base64?…?=`, whose markers are case-sensitive (M9); `undefined` when it is malformed. */
export function decodeHeader(value: string): string | undefined {
  const match = encoded.exec(value)
  if (match?.[1] === undefined) return value.startsWith('=?base64?') && value.endsWith('?=') ? undefined : value
  try {
    return decoder.decode(Uint8Array.from(atob(match[1]), (char) => char.charCodeAt(0)))
  } catch {
    return undefined
  }
}

function mismatch(why: string, id: Message['id']): MessageError {
  return new MessageError(headerMismatch, why, { id })
}

function missing(key: string, id: Message['id']): MessageError {
  return new MessageError(-32602, `"params._meta" needs "${key}"`, { id })
}
