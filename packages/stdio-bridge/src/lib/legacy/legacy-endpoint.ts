import type { Context, Message } from '@mcp-gateway/core'
import { accepts, errorCodes, jsonRpcError, legacyVersions } from '@mcp-gateway/core/internal'
import type { StdioBridgeOptions } from '../options/options.js'
import type { LegacySession } from './legacy-session.js'
import type { SessionSource } from './session-source.js'

const sessionHeader = 'mcp-session-id'

/** Streamable HTTP of the legacy era: `initialize`, then a session. */
export function legacyEndpoint(
  source: SessionSource,
  isolation: StdioBridgeOptions['isolation'],
): (request: Request, context: Context) => Promise<Response> | Response {
  return (request, context) => {
    const { message } = context
    if (isolation === 'request') {
      if (message !== undefined) return source.single(message, request, context)
      return jsonRpcError({ status: 405, message: 'This server has no sessions; use POST' }, { Allow: 'POST' })
    }
    if (request.method === 'POST' && message !== undefined) return post(source, request, context, message)
    const found = lookUp(source, request, context)
    if (found.kind !== 'session') return found.response
    if (request.method === 'GET') return get(request, context, found.session)
    source.end(found.session)
    return new Response(null, { status: 204 })
  }
}

function post(
  source: SessionSource,
  request: Request,
  context: Context,
  message: Message,
): Promise<Response> | Response {
  const { id } = message
  if (!accepts(request.headers, 'application/json') || !accepts(request.headers, 'text/event-stream')) {
    const text = 'Accept must name application/json and text/event-stream'
    return jsonRpcError({ status: 406, message: text, id: message.kind === 'request' ? id : null })
  }
  if (message.method === 'initialize' && message.kind === 'request') {
    if (!request.headers.has(sessionHeader)) return source.open(message, context)
    const found = lookUp(source, request, context)
    if (found.kind !== 'session') return found.response
    const text = 'A session is initialized once; leave Mcp-Session-Id out to open another'
    return jsonRpcError({ status: 400, code: errorCodes.invalidRequest, message: text, id })
  }
  const found = lookUp(source, request, context)
  if (found.kind !== 'session') return found.response
  const { session } = found
  session.usedAt = performance.now()
  source.admit(session, message)
  if (message.kind !== 'response') return source.pass(session, message, context)
  session.reply(message)
  // MCP L2
  return new Response(null, { status: 202 })
}

function get(request: Request, context: Context, session: LegacySession): Promise<Response> | Response {
  if (!accepts(request.headers, 'text/event-stream')) {
    return jsonRpcError({ status: 406, message: 'Accept must name text/event-stream' })
  }
  session.usedAt = performance.now()
  const lastEventId = request.headers.get('last-event-id')
  if (lastEventId === null) return session.listen(context)
  return (
    session.resume(lastEventId) ??
    jsonRpcError({ status: 400, message: 'What followed this Last-Event-ID is not kept any more; open a new stream' })
  )
}

type Found =
  | { readonly kind: 'session'; readonly session: LegacySession }
  | { readonly kind: 'none'; readonly response: Response }

function lookUp(source: SessionSource, request: Request, context: Context): Found {
  const none = (response: Response): Found => ({ kind: 'none', response })
  const id = request.headers.get(sessionHeader)
  const { message } = context
  const requestId = message?.kind === 'request' ? message.id : null
  // MCP L7
  if (id === null) {
    const text = 'The header Mcp-Session-Id is missing; send initialize first'
    return none(jsonRpcError({ status: 400, code: errorCodes.invalidRequest, message: text, id: requestId }))
  }
  const session = source.sessions.find(id, context)
  if (session === undefined) {
    const text = 'There is no such session; send initialize again'
    return none(jsonRpcError({ status: 404, message: text, id: requestId }))
  }
  const version = request.headers.get('mcp-protocol-version')
  // MCP L8; an absent header is taken for 2025-03-26
  if (version !== null && version !== session.protocolVersion && !legacyVersions.includes(version)) {
    const text = 'MCP-Protocol-Version is not what this session agreed on'
    return none(jsonRpcError({ status: 400, code: errorCodes.invalidRequest, message: text, id: requestId }))
  }
  return { kind: 'session', session }
}
