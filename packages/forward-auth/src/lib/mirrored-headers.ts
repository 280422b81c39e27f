import {
  decodeHeaderValue,
  eraOf,
  errorCodes,
  isEncodedValue,
  methodSubject,
  Refusal,
  similarMethod,
} from '@mcp-gateway/core/internal'
import type { AuthRequest } from './dialect.js'

/** What a request does, as its headers tell. */
export interface Operation {
  /** The MCP method. */
  readonly action: string
  readonly kind: 'tool' | 'prompt' | 'resource' | 'server'
  readonly name?: string
}

/** What the headers of a request tell about its body. */
export type Mirrored =
  /** Nothing that can be relied on: only from revision 2026-07-28 on must a server compare headers and body. */
  | { readonly kind: 'unreliable' }
  /** A method that is about something which no header repeats: a prompt to complete for, resources to watch. */
  | { readonly kind: 'unmirrored' }
  | { readonly kind: 'operation'; readonly operation: Operation }

/** What the mirrored methods are about, where it is a thing of its own for a policy. */
const kinds: ReadonlyMap<string, Operation['kind']> = new Map([
  ['tools/call', 'tool'],
  ['prompts/get', 'prompt'],
  ['resources/read', 'resource'],
])

/**
 * Reads what a request does from `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name`, without its body. That is true
 * only where the server behind refuses requests whose headers and body differ.
 *
 * @param method the HTTP method of the original request
 * @throws {Refusal} for headers that no server may accept (M25)
 * @see MCP rules M8, M9, M26
 */
export function readMirrored(method: string, { headers }: AuthRequest): Mirrored {
  const version = headers.get('mcp-protocol-version')
  // M26. Streams and sessions of older revisions come by GET and DELETE
  if (version === null || eraOf(version) !== 'modern' || method !== 'POST') return { kind: 'unreliable' }
  const action = headers.get('mcp-method')
  if (action === null) throw malformed('The header Mcp-Method is missing')
  // A list comes of two lines, of which the server may read another one
  if (!/^[\w$.-]+(?:\/[\w$.-]+)*$/.test(action)) throw malformed('The header Mcp-Method is not one method')
  const meant = similarMethod(action)
  if (meant !== undefined) throw malformed(`The header Mcp-Method must be written ${meant}`)
  const subject = methodSubject(action)
  if (subject === undefined) return { kind: 'operation', operation: { action, kind: 'server' } }
  if (!subject.isMirrored) return { kind: 'unmirrored' }
  const name = readName(headers.get('mcp-name'))
  return { kind: 'operation', operation: { action, kind: kinds.get(action) ?? 'server', name } }
}

function readName(value: string | null): string {
  if (value === null) throw malformed('The header Mcp-Name is missing')
  if (isEncodedValue(value)) return decode(value)
  if (/,\s/.test(value)) {
    throw malformed('The header Mcp-Name could be two; send a name that has a comma and a space as =?base64?…?=')
  }
  if (!/^[\x20-\x7e]+$/.test(value)) throw malformed('The header Mcp-Name is not ASCII; send it as =?base64?…?=')
  return value
}

// M9
function decode(value: string): string {
  const name = decodeHeaderValue(value)
  // Some servers read a name up to its first NUL
  if (name !== undefined && !name.includes('\0')) return name
  throw malformed('The header Mcp-Name is not well-formed base64 of UTF-8 without NUL')
}

function malformed(why: string): Refusal {
  return new Refusal(400, errorCodes.headerMismatch, why)
}
