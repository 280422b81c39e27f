import type { Message } from '../contract/message.js'
import { errorCodes } from '../protocol/error-codes.js'
import { decodeHeaderValue } from '../protocol/header-value.js'
import { metaKeys } from '../protocol/meta-keys.js'
import { mirroredMethods } from '../protocol/methods.js'
import { MessageError } from './message-error.js'

const { protocolVersion: versionKey, clientCapabilities: capabilitiesKey } = metaKeys

/**
 * Checks a message of the modern era against its headers, so that whoever reads only the headers decides about the
 * same request as whoever reads the body.
 *
 * @throws {MessageError} -32602 for missing `_meta` fields, -32020 for headers that are missing or differ
 */
export function checkModernHeaders(message: Message, headers: Headers): void {
  if (message.kind === 'response') {
    // M4: the body must be a request or a notification
    throw new MessageError(
      errorCodes.invalidRequest,
      'A response cannot be sent here; this revision has no requests from the server',
    )
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
  if (mirroredMethods.has(message.method ?? '') && !isAbsent) {
    checkMirror('Mcp-Name', sentName, message.name, message)
  }
}

// M8
function checkMirror(header: string, sent: string | null, expected: string | undefined, { kind, id }: Message): void {
  if (sent === null) {
    if (kind === 'notification') return
    throw mismatch(`The header ${header} is missing`, id)
  }
  const value = decodeHeaderValue(sent.trim())
  if (value === undefined) throw mismatch(`The header ${header} is not well-formed base64 in UTF-8`, id)
  if (value !== expected) throw mismatch(`The header ${header} differs from the body`, id)
}

function mismatch(why: string, id: Message['id']): MessageError {
  return new MessageError(errorCodes.headerMismatch, why, { id })
}

function missing(key: string, id: Message['id']): MessageError {
  return new MessageError(errorCodes.invalidParams, `"params._meta" needs "${key}"`, { id })
}
