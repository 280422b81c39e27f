import type { Context, Handler } from '../../contract/handler.js'
import { checkOptions, type OptionTypes, optional, positive } from '../../contract/option-types.js'
import { compose } from '../../http/compose.js'
import { jsonRpcError } from '../../http/json-rpc-error.js'
import { readStream } from '../../http/read-body.js'
import { respond } from '../../http/respond.js'
import { message as readMessage } from '../../message/message-middleware.js'
import { errorCodes, isGatewayCode, isModernCode } from '../../protocol/error-codes.js'
import { modernServer } from '../modern-server/modern-server.js'
import { HttpLink, withoutClient } from './http-link.js'
import { LegacySessions } from './legacy-sessions.js'
import { LegacyUpstreams } from './legacy-upstreams.js'

/** What the clients of one server may cost where their era is translated. */
export interface TranslateErasOptions {
  /**
   * Legacy clients' sessions at once. Beyond it `initialize` is answered 503.
   *
   * @default 1000
   */
  readonly maxSessions?: number
  /**
   * Legacy clients' sessions of one user (of a token) at once. Beyond it 429.
   *
   * @default 32
   */
  readonly maxSessionsPerPrincipal?: number
  /**
   * Requests of one session that may wait for their answers. Beyond it 429.
   *
   * @default 128
   */
  readonly maxRequestsInFlight?: number
  /**
   * Sessions at a legacy server that stand for modern clients. Beyond it 429.
   *
   * @default 1000
   */
  readonly maxUpstreamSessions?: number
  /**
   * Those that stand for one user (of a token). Beyond it 429.
   *
   * @default 16
   */
  readonly maxUpstreamSessionsPerPrincipal?: number
  /**
   * Seconds without a request or an open stream after which a session ends.
   *
   * @default 900
   */
  readonly idleTimeout?: number
  /**
   * Seconds without a sign of life of the server after which a translated request fails with the code -31504, and is
   * cancelled at the server. Progress begins them anew. Subscriptions have no limit.
   *
   * @default 300
   */
  readonly requestTimeout?: number
  /**
   * Seconds after which a translated request fails in any case.
   *
   * @default 3600
   */
  readonly maxRequestTime?: number
}

const types: OptionTypes<TranslateErasOptions> = {
  maxSessions: optional(positive),
  maxSessionsPerPrincipal: optional(positive),
  maxRequestsInFlight: optional(positive),
  maxUpstreamSessions: optional(positive),
  maxUpstreamSessionsPerPrincipal: optional(positive),
  idleTimeout: optional(positive),
  requestTimeout: optional(positive),
  maxRequestTime: optional(positive),
}

/** Only what was set, so that an option left `undefined` keeps its default. */
function given(options: TranslateErasOptions): { [Name in keyof TranslateErasOptions]?: number } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** For how long it is taken as given that a server does not speak an era, in ms: it may be replaced by one that does. */
const knownFor = 300_000
const maxBody = 4_194_304

/**
 * Lets clients of either era (up to 2025-11-25, and 2026-07-28) use a server that speaks one of them. Requests that the
 * server understands pass untouched; what it speaks is found out by asking it. Sessions live in this process: with
 * several replicas, send a client to the same one. A translated request is a new one: the proxy's own headers and those
 * of the verified user are in it, and none that the client sent (`forwardHeaders` has nothing to forward).
 *
 * @returns wraps the handler behind which the server stands; `proxy` takes it as its option `eras`
 * @throws {GatewayError} `invalid_configuration` for limits that are not positive
 * @see MCP 2026-07-28, versioning: dual-era servers
 * @example
 * ```ts
 * const notes = proxy('http://notes.internal:3000/mcp', { eras: translateEras() })
 * ```
 */
export function translateEras(options: TranslateErasOptions = {}): (upstream: Handler) => Handler {
  checkOptions('translateEras', options, types)
  const limits = {
    maxSessions: 1000,
    maxSessionsPerPrincipal: 32,
    maxRequestsInFlight: 128,
    maxUpstreamSessions: 1000,
    maxUpstreamSessionsPerPrincipal: 16,
    idleTimeout: 900,
    requestTimeout: 300,
    maxRequestTime: 3600,
    ...given(options),
  }
  return (upstream) => {
    const sessions = new LegacySessions(upstream, limits)
    const upstreams = new LegacyUpstreams(upstream, limits)
    const noLegacy = new ExpiringFlag()
    const noModern = new ExpiringFlag()
    let speaksModern = false

    /** Whether the server is a modern one, and one that has a revision in common with us. */
    const discovers = async (request: Request, context: Context): Promise<boolean | 'other-revisions' | undefined> => {
      const link = new HttpLink({
        upstream,
        url: request.url,
        context: withoutClient(context),
        era: 'modern',
        time: limits,
      })
      const info = await modernServer(link).discover()
      link.close()
      if (!('error' in info)) return true
      // MCP S2
      if (isModernCode(info.code)) return 'other-revisions'
      // What the gateway itself says tells nothing of the server's era
      return isGatewayCode(info.code) ? undefined : false
    }

    const initialize = async (request: Request, context: Context): Promise<Response | undefined> => {
      const response = await upstream(request, context)
      const checked = await refusedOrNot(response)
      if (!checked.isRefused || (await discovers(request, context)) !== true) return checked.response
      // It may have refused what this client sent: what holds for all of them is found out by asking properly
      if ((await upstreams.isLegacy(request, context)) !== false) return checked.response
      await checked.response.body?.cancel()
      noLegacy.holds()
      return undefined
    }

    const serve: Handler = async (request, context) => {
      const { message } = context
      const id = request.headers.get('mcp-session-id')
      if (message?.era === 'modern') {
        if (!noModern.isKnown && !speaksModern) {
          const found = await discovers(request, context)
          if (found === true) speaksModern = true
          else if (found !== undefined) {
            // What has no modern revision in common with us may have a legacy one
            if ((await upstreams.isLegacy(request, context)) === true) noModern.holds()
            else if (found === 'other-revisions') speaksModern = true
          }
        }
        return noModern.isKnown ? upstreams.handle(request, context, message) : upstream(request, context)
      }
      if (id !== null && LegacySessions.isOurs(id)) return sessions.handle(request, context, id)
      if (message?.method === 'initialize' && message.kind === 'request') {
        const relayed = noLegacy.isKnown ? undefined : await initialize(request, context)
        return relayed ?? sessions.open(request, context, message)
      }
      // A session that is not ours is for the server to know
      if (id !== null || !noLegacy.isKnown) return upstream(request, context)
      return jsonRpcError({
        status: 400,
        code: errorCodes.invalidRequest,
        message: 'Send initialize first',
        id: message?.id,
      })
    }
    const alone = compose([readMessage()], serve)
    return (request, context) => (context.message === undefined ? alone : serve)(request, context)
  }
}

/** Something that was found out, for as long as it is believed. */
class ExpiringFlag {
  #until = 0

  get isKnown(): boolean {
    return performance.now() < this.#until
  }

  holds(): void {
    this.#until = performance.now() + knownFor
  }
}

/** Whether a server refuses `initialize`, whatever the code (MCP S2), and its response, which can still be read. */
async function refusedOrNot(response: Response): Promise<{ readonly isRefused: boolean; readonly response: Response }> {
  const { status, headers, body } = response
  // Of these the server is not the reason, or not its era
  if ([401, 403, 413, 429].includes(status) || status >= 500) return { isRefused: false, response }
  if (body === null || headers.get('content-type')?.startsWith('application/json') !== true) {
    return { isRefused: status >= 400, response }
  }
  const bytes = await readStream(body, maxBody)
  if (bytes === 'too-large') {
    const message = 'The server answered initialize with more than anybody reads'
    return { isRefused: false, response: jsonRpcError({ status: 502, message }) }
  }
  return { isRefused: status >= 400 || isError(bytes), response: respond(bytes, { status, headers }) }
}

function isError(bytes: Uint8Array): boolean {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)).error !== undefined
  } catch {
    return true
  }
}
