import type { Check } from '../contract/check.js'
import type { Context, Handler } from '../contract/handler.js'
import { invalidConfiguration } from '../contract/invalid-configuration.js'
import type { MessageTransform } from '../contract/message.js'
import {
  anyOf,
  callable,
  checkOptions,
  flag,
  listOf,
  membersOf,
  type OptionType,
  type OptionTypes,
  oneOf,
  optional,
  positive,
  recordOf,
  text,
  textList,
  withMethods,
} from '../contract/option-types.js'
import { isRefusal } from '../contract/refusal.js'
import { storageType } from '../contract/shared-option-types.js'
import { opensUrls } from '../message/opens-urls.js'
import { transformResponse } from '../message/transform-response.js'
import type { UpstreamToken } from '../upstream-token/upstream-token.js'
import { type Answer, ask as askOnce, isStreamed, type Outcome } from './ask.js'
import { upstreamCheck } from './check-upstreams.js'
import { forwardAnswer, refusal } from './forward-answer.js'
import { type ProxyHeaderOptions, toUpstream } from './proxy-headers.js'
import type { ProxyOptions } from './proxy-options.js'
import { proxyTlsType, tlsOptionsOf } from './proxy-tls.js'
import { Sessions } from './sessions.js'
import { TaskBinding, type TaskPermit } from './task-binding.js'
import { createTransport } from './transport.js'
import type { Send } from './upstream-response.js'
import { type Upstream, Upstreams } from './upstreams.js'
import { withAccept } from './with-accept.js'
import { withToken } from './with-token.js'

/** An MCP server over HTTP, as a handler. */
export interface ProxyServer extends Handler {
  /**
   * Whether the server answers; the gateway asks it in `/ready`. It sends `OPTIONS` to the address, and takes every status but 502,
   * 503 and 504 for an answer; with `healthCheck` it asks that path instead. Of several addresses one that answers is
   * enough, and the others are told as degraded.
   */
  readonly check: Check
  /** Whether other processes know its sessions by `sessionSecret`. */
  readonly sharesSessions: boolean
}

/**
 * Passes requests on to an MCP server over HTTP, of either era, and its answers back as they come. The caller's token,
 * cookies and every header that is not known to be harmless stay here; the upstream learns who calls from identity
 * headers instead. Of several addresses it tries the least busy one that is well; sessions stay where they began, and
 * belong to who began them. Of redirects it follows those to the same origin that keep method and body. It does not send again what may have arrived and has its effect
 * each time, such as a tool call.
 *
 * Answers 502 or 504 as a JSON-RPC error when the upstream cannot be reached, fails or is late, and 404 for a session
 * that is not the caller's.
 *
 * @param url the address of the server's MCP endpoint, or several of replicas
 * @throws {GatewayError} `invalid_configuration` at construction
 * @see RFC 9110 section 7.6
 * @example
 * ```ts
 * const notes = proxy('http://notes.internal:3000/mcp', { headers: { 'X-Api-Key': apiKey } })
 * ```
 */
export function proxy(url: string | readonly string[], options: ProxyOptions = {}): ProxyServer {
  urlType(url, 'The url of proxy')
  checkOptions('proxy', options, types)
  const { connectTimeout = 5, firstByteTimeout = 120, idleTimeout = 300, retryAfter = 5, healthCheck, token } = options
  const { keepAlive = 15, forwardQuery = false } = options
  const { prompt } = token ?? {}
  const urls = typeof url === 'string' ? [url] : url
  const tls = options.tls && {
    options: tlsOptionsOf(options.tls, urls, options.fetch !== undefined),
    http2: options.tls.http2 === true,
  }
  const send = options.fetch ?? createTransport(connectTimeout, tls)
  const upstreams = new Upstreams(urls, {
    retryAfter,
    checkInterval: healthCheck?.interval ?? 10,
    check: healthCheck && ((upstream) => isHealthy(send, upstream, healthCheck.path, connectTimeout)),
  })
  const sessions = new Sessions(upstreams.all, options.sessionSecret)
  const headerOptions = readHeaderOptions(options)
  const tasks =
    token?.isPerUser === true
      ? undefined
      : new TaskBinding({ secret: options.sessionSecret, storage: options.taskStorage })

  const forward: Handler = async (request, outer) => {
    let context = prompt === undefined ? outer : prompt.withoutReply(outer)
    const refuse = (status: number, code: string, message: string) => refusal(context, { status, code, message })
    let headers: Headers
    try {
      headers = toUpstream(request, context, headerOptions)
    } catch (error) {
      if (!isRefusal(error)) throw error
      return refuse(error.status, String(error.code), error.description)
    }
    const sealed = request.headers.get('mcp-session-id')
    const session = sealed === null || isModern(context) ? undefined : await sessions.open(sealed, context)
    if (session !== undefined) headers.set('mcp-session-id', session.id)
    else if (sealed !== null && !isModern(context)) {
      return refuse(404, 'unknown_session', 'There is no such session; initialize again')
    }

    let candidates = session === undefined ? upstreams.inOrder() : [session.upstream]
    let lookAt: TaskPermit['transform']
    if (tasks?.concerns(request, context) === true) {
      const permit = await tasks.permit(context, candidates)
      if (!('upstreams' in permit)) return transformResponse(context, permit)
      context = permit.context
      candidates = permit.upstreams
      lookAt = permit.transform
    }

    const attempt = { request, context, headers, send, firstByteTimeout, forwardQuery }
    const ask = token === undefined ? askOnce : withToken(token)
    for (const upstream of candidates) {
      let answer: Outcome
      try {
        answer = await ask(upstream, attempt)
      } catch (error) {
        const asked = prompt?.answer(error, outer, session?.opensUrls ?? false)
        if (asked === undefined) throw error
        return asked
      }
      if (answer.kind === 'unreachable') {
        upstreams.markDown(upstream)
        context.logger?.warn({ err: answer.error, upstream: upstream.server }, 'an upstream cannot be reached')
        // Its sessions are gone with it, and the client can begin a new one elsewhere (MCP L7)
        if (session !== undefined && upstreams.hasOther(upstream))
          return refuse(404, 'session_lost', 'The session was lost; initialize again')
        if (isStreamed(request, context)) break
        continue
      }
      if (answer.kind === 'answer') {
        upstreams.markUp(upstream)
        return finish(answer, upstream)
      }
      if (answer.kind === 'gone') throw answer.error
      context.logger?.warn({ err: answer.error, upstream: upstream.server }, 'an upstream failed')
      return answer.kind === 'late'
        ? refuse(504, 'upstream_late', `The server did not begin to answer within ${firstByteTimeout} s`)
        : refuse(502, 'upstream_broken', 'The connection to the server broke before it answered')
    }
    return refuse(502, 'upstream_unreachable', 'The server cannot be reached')

    async function finish(answer: Answer, upstream: Upstream): Promise<Response> {
      const { response } = answer
      const given = response.headers.get('mcp-session-id')
      const to =
        given === null || isModern(context) ? undefined : await orCancel(response, sealedSession(given, upstream))
      return transformResponse(
        lookAt === undefined || !isLookedAt(response) ? context : withTransform(context, lookAt(upstream)),
        await forwardAnswer(answer, { request, context, idleTimeout, keepAlive, sessionId: to }),
      )
    }

    /** What a GET gets that is no event stream holds no messages. */
    function isLookedAt({ headers }: Answer['response']): boolean {
      return context.message !== undefined || /^text\/event-stream/i.test(headers.get('content-type') ?? '')
    }

    async function sealedSession(id: string, upstream: Upstream): Promise<string> {
      const unchanged = session !== undefined && session.id === id && sealed !== null
      return unchanged ? sealed : sessions.seal({ upstream, id, opensUrls: opensUrls(context.message) }, context)
    }
  }
  const check = upstreamCheck(upstreams, { send, path: healthCheck?.path, timeout: Math.min(connectTimeout, 4) })
  const handle = withAccept(options.eras === undefined ? forward : options.eras(forward))
  const about = { check, sharesSessions: options.sessionSecret !== undefined }
  return Object.assign<Handler, typeof about>((request, context) => handle(request, context), about)
}

const urlType = anyOf('the address of an MCP server, or a list of them', text, listOf(text))

const hasTokens = withMethods('clientCredentials(…), tokenExchange(…) or the like', 'get', 'drop')
const promptType = optional(withMethods('connectPrompt, or an object like it', 'withoutReply', 'answer'))

const tokenType: OptionType = (value, name) => {
  hasTokens(value, name)
  promptType((value as UpstreamToken).prompt, `${name}.prompt`)
}

const types: OptionTypes<ProxyOptions> = {
  forwardHeaders: optional(textList),
  forwardQuery: optional(flag),
  headers: optional(recordOf(text)),
  token: optional(tokenType),
  identityHeaders: optional(flag),
  connectTimeout: optional(positive),
  firstByteTimeout: optional(positive),
  idleTimeout: optional(anyOf('a number of seconds above 0, or null', oneOf(null), positive)),
  healthCheck: optional(membersOf<HealthCheck>({ path: text, interval: optional(positive) })),
  retryAfter: optional(positive),
  keepAlive: optional(positive),
  sessionSecret: optional(text),
  taskStorage: optional(storageType),
  tls: optional(proxyTlsType),
  eras: optional(callable),
  fetch: optional(callable),
}

type HealthCheck = NonNullable<ProxyOptions['healthCheck']>

/** Whoever names no user gets no session, and nobody reads the answer. */
async function orCancel(response: Answer['response'], sealing: Promise<string>): Promise<string> {
  try {
    return await sealing
  } catch (error) {
    await response.body?.cancel().catch(() => {})
    throw error
  }
}

/** The innermost transform is first: the others see what the user may see. */
function withTransform(context: Context, transform: MessageTransform): Context {
  return { ...context, transforms: [...(context.transforms ?? []), transform] }
}

function isModern(context: Context): boolean {
  return context.message?.era === 'modern'
}

async function isHealthy(send: Send, upstream: Upstream, path: string, timeout: number): Promise<boolean> {
  const response = await send(new URL(path, upstream.url).href, {
    signal: AbortSignal.timeout(timeout * 1000),
    redirect: 'manual',
  })
  await response.body?.cancel()
  return response.status >= 200 && response.status < 300
}

/** Headers that decide who the caller is or where a request goes, and are not to be passed on from a client. */
const never =
  /^(?:authorization|cookie|proxy-.*|dpop|host|connection|content-length|transfer-encoding|te|trailer|upgrade|forwarded|x-forwarded-.*|x-user-.*|x-roles|x-scopes|x-client-id|mcp-session-id)$/

function readHeaderOptions({
  forwardHeaders = [],
  headers = {},
  identityHeaders = true,
}: ProxyOptions): ProxyHeaderOptions {
  const forward = new Set(forwardHeaders.map((name) => name.toLowerCase()))
  for (const name of forward) {
    if (never.test(name)) throw invalidConfiguration(`forwardHeaders must not have ${name}`)
  }
  try {
    new Headers(headers)
  } catch (cause) {
    throw invalidConfiguration('headers has a name or a value that HTTP does not allow', { cause })
  }
  return { forward, add: headers, identity: identityHeaders }
}
