import type { Context, Handler } from '../../contract/handler.js'
import type { Message } from '../../contract/message.js'
import { jsonRpcError } from '../../http/json-rpc-error.js'
import { rawResponse } from '../../json/json-rpc.js'
import { parseSpan, rawJson } from '../../json/raw-json.js'
import { knownMembers } from '../../message/known-members.js'
import { errorCodes, gatewayCode, statusOfCode } from '../../protocol/error-codes.js'
import { canBeAsked, mayRequireInput } from '../../protocol/methods.js'
import { modernVersions } from '../../protocol/revisions.js'
import { ownerOf } from '../../tokens/owner.js'
import { failed } from '../era-failure.js'
import type { EraServerInfo, RawJson } from '../era-server.js'
import { legacyServer } from '../legacy-server/legacy-server.js'
import { listTools } from '../list-tools.js'
import { type ModernClient, modernClient } from '../modern-client/modern-client.js'
import type { ModernReply } from '../modern-client/modern-reply.js'
import { readModernRequest } from '../modern-client/modern-request.js'
import { ToolHeaders } from '../tool-headers.js'
import { HttpLink, withoutClient } from './http-link.js'
import { RenewedServer } from './renewed-server.js'
import { Reply } from './reply.js'

/** How many sessions at a legacy server may stand for modern clients, and for how long. */
export interface LegacyUpstreamLimits {
  readonly maxUpstreamSessions: number
  readonly maxUpstreamSessionsPerPrincipal: number
  /** Seconds. */
  readonly idleTimeout: number
  readonly requestTimeout: number
  readonly maxRequestTime: number
}

interface Upstream {
  readonly key: string
  readonly principal: string
  readonly server: RenewedServer
  readonly tools: ToolHeaders
  /** Calls that may ask are alone at a server, so that it is known whose question it is. */
  readonly isAlone: boolean
  uses: number
  usedAt: number
}

const nothing = rawJson('{}')

/** The sessions at a legacy server over HTTP that stand for modern clients. */
export class LegacyUpstreams {
  readonly #upstream: Handler
  readonly #limits: LegacyUpstreamLimits
  readonly #client: ModernClient
  readonly #open: Set<Upstream> = new Set()
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(upstream: Handler, limits: LegacyUpstreamLimits) {
    this.#upstream = upstream
    this.#limits = limits
    this.#client = modernClient()
  }

  /** Whether the server answers `initialize`; `undefined` where it could not be asked. */
  async isLegacy(request: Request, context: Context): Promise<boolean | undefined> {
    const upstream = this.#acquire(request, context, nothing, false)
    if (upstream === undefined) return undefined
    const info = await upstream.server.discover()
    this.#release(upstream)
    if (!('error' in info)) return true
    this.#drop(upstream)
    return false
  }

  async handle(request: Request, context: Context, message: Message): Promise<Response> {
    if (message.kind !== 'request') return new Response(null, { status: 202 })
    const { id, method, protocolVersion: requested } = message
    if (!modernVersions.includes(requested ?? '')) {
      // MCP M7
      const text = `This server speaks ${modernVersions.join(', ')}`
      return jsonRpcError({
        status: 400,
        code: errorCodes.unsupportedVersion,
        message: text,
        id,
        data: { supported: modernVersions, requested },
      })
    }
    const modern = readModernRequest(message.bytes, method ?? '', knownMembers(message))
    const { principal, audience, scopes = [] } = ownerOf(context)
    const owner = { principal, audience, scopes }
    let leave: () => void = () => undefined
    const reply = new Reply(context, () => leave())
    const target = replyTo(reply, modern.id)
    const begin = (exchange: { left(reply: ModernReply): void } | undefined) => {
      leave = () => {
        exchange?.left(target)
        // Nobody reads it, but whoever counts the request waits for its response
        reply.finish()
      }
      // MCP M17
      if (request.signal.aborted) leave()
      else request.signal.addEventListener('abort', leave, { once: true })
    }
    if (modern.requestState !== undefined) {
      begin(await this.#client.resume(modern, owner, target))
      return reply.response
    }
    const asks = mayRequireInput(method) && declares(modern.capabilities)
    const upstream = this.#acquire(request, context, asks ? modern.capabilities : nothing, asks)
    if (upstream === undefined) {
      const text = 'Too many sessions at the server stand for you; try again later'
      return jsonRpcError({ status: 429, message: text, id }, { 'Retry-After': '10' })
    }
    let info: EraServerInfo | ReturnType<typeof failed>
    let mismatch: string | undefined
    try {
      info = await upstream.server.discover()
      // MCP M10: a server of this era cannot compare them
      if (!('error' in info)) mismatch = await upstream.tools.mismatch(message, request.headers)
    } catch (error) {
      // A list that nobody can read must not keep the session for ever
      this.#release(upstream)
      this.#drop(upstream)
      throw error
    }
    if ('error' in info) {
      this.#release(upstream)
      this.#drop(upstream)
      target.answered(rawResponse(modern.id, { error: info.error }), info.code)
      return reply.response
    }
    if (mismatch !== undefined) {
      this.#release(upstream)
      return jsonRpcError({ status: 400, code: errorCodes.headerMismatch, message: mismatch, id })
    }
    const over = () => this.#release(upstream)
    begin(this.#client.serve({ server: upstream.server, info, request: modern, owner, reply: target, over }))
    return reply.response
  }

  #acquire(request: Request, context: Context, capabilities: RawJson, isAlone: boolean): Upstream | undefined {
    const { principal, audience, scopes = [] } = ownerOf(context)
    const declared = parseSpan(capabilities, { start: 0, end: capabilities.length })
    const key = JSON.stringify([principal, audience, [...scopes].sort(), declared, new URL(request.url).search])
    const mine = [...this.#open].filter((one) => one.principal === principal)
    const free = mine.find((one) => one.key === key && !one.server.link.isOver && (!one.isAlone || one.uses === 0))
    if (free !== undefined) {
      free.uses++
      free.server.link.context = withoutClient(context)
      return free
    }
    const { maxUpstreamSessions, maxUpstreamSessionsPerPrincipal } = this.#limits
    const idle = [...this.#open].find((one) => one.uses === 0)
    const isFull = this.#open.size >= maxUpstreamSessions
    const hasAll = principal !== '' && mine.length >= maxUpstreamSessionsPerPrincipal
    const spare = hasAll ? mine.find((one) => one.uses === 0) : idle
    if ((isFull || hasAll) && spare === undefined) return undefined
    if ((isFull || hasAll) && spare !== undefined) this.#drop(spare)
    const { url } = request
    const declares = capabilities.slice()
    const server = new RenewedServer((last) => {
      const link = new HttpLink({
        upstream: this.#upstream,
        url,
        context: last?.context ?? withoutClient(context),
        era: 'legacy',
        time: this.#limits,
      })
      return { link, server: legacyServer({ link, capabilities: declares }) }
    })
    const tools = new ToolHeaders(listTools(server, principal))
    const opened = { key, principal, server, tools, isAlone, uses: 1, usedAt: performance.now() }
    this.#open.add(opened)
    this.#timer ??= setInterval(() => this.#sweep(), 1000)
    ;(this.#timer as { unref?: () => void }).unref?.()
    return opened
  }

  #release(upstream: Upstream): void {
    upstream.uses--
    upstream.usedAt = performance.now()
    if (upstream.server.link.isOver) this.#drop(upstream)
  }

  #drop(upstream: Upstream): void {
    this.#open.delete(upstream)
    upstream.server.link.close()
    if (this.#open.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #sweep(): void {
    const before = performance.now() - this.#limits.idleTimeout * 1000
    for (const one of this.#open) if (one.uses === 0 && (one.usedAt < before || one.server.link.isOver)) this.#drop(one)
  }
}

/** Whether a client declared anything that a server may ask of it. */
function declares(capabilities: RawJson): boolean {
  const declared = parseSpan(capabilities, { start: 0, end: capabilities.length }) as
    | Record<string, unknown>
    | undefined
  return canBeAsked(declared)
}

function replyTo(reply: Reply, id: RawJson): ModernReply {
  const answered = (message: RawJson, code?: number) => reply.finish(message, statusOfCode(code))
  return {
    related: (message) => reply.send(message),
    answered,
    inputRequired: (message) => reply.finish(message),
    refused: (why) => {
      const isYours = why === 'too_many_of_yours'
      const { error } = failed(
        `Too many ${isYours ? 'of your ' : ''}calls wait for answers; try again later`,
        gatewayCode(isYours ? 429 : 503),
      )
      reply.finish(rawResponse(id, { error }), isYours ? 429 : 503, { 'Retry-After': '10' })
    },
    lost: () =>
      answered(rawResponse(id, { error: failed('The server ended the subscription').error }), errorCodes.internalError),
  }
}
