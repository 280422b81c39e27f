import type { Context } from '../contract/handler.js'
import type { Message } from '../contract/message.js'
import { recordRefusal } from '../contract/request-record.js'
import { jsonRpcError } from '../http/json-rpc-error.js'
import { respond } from '../http/respond.js'
import { knowsUrls, opensUrls } from '../message/opens-urls.js'
import { errorCodes, gatewayCode } from '../protocol/error-codes.js'
import { mayRequireInput } from '../protocol/methods.js'
import { ConnectRequired } from './connect-required.js'
import type { UpstreamTokenPrompt } from './upstream-token.js'

/** The name of the gateway's own input request, which no upstream gets to see. */
const key = 'mcp-gateway:connect'

/**
 * Asks the user to connect an account where a token is missing with a `ConnectRequired`, for the `prompt` of an
 * `UpstreamToken`. Other errors it leaves alone.
 *
 * @example
 * ```ts
 * function accountToken(get: UpstreamToken['get'], drop: UpstreamToken['drop']): UpstreamToken {
 *   return { get, drop, prompt: connectPrompt }
 * }
 * ```
 */
export const connectPrompt: UpstreamTokenPrompt = {
  withoutReply(context) {
    const message = withoutConnectAnswer(context.message)
    return message === context.message ? context : { ...context, message }
  },
  answer(error, context, sessionOpensUrls) {
    if (!(error instanceof ConnectRequired)) return undefined
    const { code, title } = error
    recordRefusal(context.record, { by: 'upstreamToken', code, reason: `the account at ${title} is not connected` })
    return connectAnswer(error, context, sessionOpensUrls)
  },
}

/**
 * Tells a client that the user has to connect an account: as URL elicitation where the client declared that it can open
 * URLs (`input_required` in the modern era, error -32042 in revision 2025-11-25), otherwise as an error whose text has
 * the address. Never 401, which would make the client throw away its own token.
 *
 * @param sessionOpensUrls what the client declared when its session began, in the legacy era
 */
function connectAnswer(required: ConnectRequired, context: Context, sessionOpensUrls: boolean): Response {
  const { message } = context
  const { url, title } = required
  const text = `Connect your account at ${title} to go on`
  if (message?.kind !== 'request') return jsonRpcError({ status: 403, message: required.message })
  const { id } = message
  if (message.era === 'modern') {
    if (mayRequireInput(message.method) && opensUrls(message) && !wasDeclined(message)) {
      const inputRequests = { [key]: { method: 'elicitation/create', params: { mode: 'url', message: text, url } } }
      return json({ jsonrpc: '2.0', id, result: { resultType: 'input_required', inputRequests } })
    }
  } else if (opensUrls(message) || (sessionOpensUrls && knowsUrls(message.protocolVersion ?? ''))) {
    const elicitation = { mode: 'url', elicitationId: crypto.randomUUID(), url, message: text }
    const data = { elicitations: [elicitation] }
    return jsonRpcError({ status: 200, code: errorCodes.urlElicitationRequired, message: required.message, id, data })
  }
  // The status is that of a JSON-RPC answer: clients show the text of an error in it, and not that of an HTTP error
  return jsonRpcError({ status: 200, code: gatewayCode(403), message: required.message, id, data: { url } })
}

/** The message without the client's answer to the gateway's own question, which is not for the upstream. */
function withoutConnectAnswer(message: Message | undefined): Message | undefined {
  if (message?.era !== 'modern' || !mayRequireInput(message.method)) return message
  const { params, ...rest } = message.json()
  const { inputResponses, ...others } = params ?? {}
  if (member(inputResponses, key) === undefined) return message
  const { [key]: _ours, ...theirs } = inputResponses as Record<string, unknown>
  const left = Object.keys(theirs).length === 0 ? others : { ...others, inputResponses: theirs }
  return message.with({ ...rest, params: left } as ReturnType<Message['json']>)
}

function wasDeclined(message: Message): boolean {
  const answer = member(message.json().params?.inputResponses, key)
  return answer !== undefined && member(answer, 'action') !== 'accept'
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

function json(body: object): Response {
  return respond(JSON.stringify(body), { headers: { 'Content-Type': 'application/json' } })
}
