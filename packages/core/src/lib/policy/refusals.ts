import type { Context } from '../contract/handler.js'
import type { Message } from '../contract/message.js'
import { recordRefusal } from '../contract/request-record.js'
import { jsonRpcError, jsonRpcErrorBody } from '../http/json-rpc-error.js'
import { respond } from '../http/respond.js'
import { errorCodes, gatewayCode, statusOfCode } from '../protocol/error-codes.js'
import { clientMethods } from '../protocol/methods.js'
import { noSuchTask } from '../tasks/task-messages.js'
import type { Operation } from './operation.js'
import type { Denial } from './read-decision.js'
import { policyUnavailable } from './record-decision.js'

/** What a client reads where the reason is not public. */
export const hiddenReason = 'The policy does not allow this'

/** How a refusal is told that no login cures. */
export type RefusalForm = 'unknown' | 'error' | 'result'

/**
 * Answers what a policy refused, and writes it down. Only for want of scopes it is 403, with all that are needed; everything
 * else is 200, since clients show errors of other statuses without their text or end the session.
 *
 * @see MCP R3, R4
 */
export function refuse(
  context: Context,
  message: Message,
  denial: Denial,
  { operation, form }: { readonly operation: Operation | undefined; readonly form: RefusalForm },
): Response {
  const { record, refuse: challenge, requiredScopes: ofServer = [] } = context
  const { reason, requiredScopes } = denial
  if (denial.unavailable) {
    const answer = policyUnavailable(context, reason)
    return message.kind === 'request' ? answer : accepted()
  }
  const code = requiredScopes === undefined ? 'policy' : 'insufficient_scope'
  recordRefusal(record, { by: 'policy', code, reason, ...(requiredScopes && { scopes: requiredScopes }) })
  // Whoever sends a notification hears nothing of it (JSON-RPC 2.0 section 4.1)
  if (message.kind !== 'request') return accepted()
  const told = denial.public ? reason : hiddenReason
  if (requiredScopes !== undefined && challenge !== undefined) {
    const scope = [...new Set([...ofServer, ...requiredScopes])]
    return challenge({ error: 'insufficient_scope', scope, ...(denial.public && { description: told }) })
  }
  const isHidden = form === 'unknown' && !denial.public && requiredScopes === undefined
  if (isHidden) {
    const unknown = unknownAnswer(message, operation)
    if (unknown !== undefined) return unknown
  }
  if (form === 'result' && message.method === 'tools/call') return asResult(message, told)
  const data = {
    ...(denial.public && { reason }),
    ...(requiredScopes !== undefined && { requiredScopes }),
  }
  return jsonRpcError({
    status: 200,
    code: gatewayCode(403),
    message: told,
    id: message.id,
    data: Object.keys(data).length > 0 ? data : undefined,
  })
}

/**
 * The answer for what does not exist, for all that a caller may not know of: a server's own answer never reaches a client for a
 * name that is not listed, so that both cannot be told apart.
 *
 * @returns `undefined` where a method of the protocol is about nothing that could be unknown
 */
export function unknownAnswer(
  { id, method = '', era }: Pick<Message, 'id' | 'method' | 'era'>,
  operation: Operation | undefined,
): Response | undefined {
  const item = operation?.item
  if (item !== undefined) return respond(JSON.stringify(unknownError({ id, era }, item)), { headers: json })
  if (method === 'subscriptions/listen') {
    return jsonRpcError({ status: 200, code: errorCodes.invalidParams, message: 'Resource not found', id })
  }
  if (clientMethods.has(method)) return undefined
  const code = errorCodes.methodNotFound
  return jsonRpcError({ status: era === 'modern' ? statusOfCode(code) : 200, code, message: 'Method not found', id })
}

/** The same as the message alone, for an answer that travels in a stream. */
export function unknownError(
  { id, era }: Pick<Message, 'id' | 'era'>,
  { kind, name }: NonNullable<Operation['item']>,
): ReturnType<typeof jsonRpcErrorBody> {
  if (kind === 'task') return jsonRpcErrorBody({ status: 200, code: errorCodes.invalidParams, message: noSuchTask, id })
  const isResource = kind === 'resource' || kind === 'template'
  const code = isResource && era !== 'modern' ? errorCodes.resourceNotFound : errorCodes.invalidParams
  const data = isResource ? { uri: name } : undefined
  return jsonRpcErrorBody({ status: 200, code, message: `${unknownText[kind]}: ${name}`, id, data })
}

const json = { 'Content-Type': 'application/json' }

const unknownText = {
  tool: 'Unknown tool',
  prompt: 'Unknown prompt',
  resource: 'Resource not found',
  template: 'Resource not found',
} as const

export function accepted(): Response {
  return new Response(null, { status: 202 })
}

/** The refusal as the result of the tool, which the model reads. */
function asResult({ id, era }: Message, text: string): Response {
  const result = {
    ...(era === 'modern' && { resultType: 'complete' }),
    content: [{ type: 'text', text }],
    isError: true,
  }
  return respond(JSON.stringify({ jsonrpc: '2.0', id, result }), { headers: json })
}
