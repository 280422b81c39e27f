import { isRefusal, Refusal } from '../../contract/refusal.js'
import { rawResponse } from '../../json/json-rpc.js'
import { rawJson } from '../../json/raw-json.js'
import { errorCodes } from '../../protocol/error-codes.js'
import { isLegacyMethod } from '../../protocol/methods.js'
import { modernVersions } from '../../protocol/revisions.js'
import { isSameOwner, type Owner } from '../../tokens/owner.js'
import { failed } from '../era-failure.js'
import type { EraServer, EraServerInfo } from '../era-server.js'
import { completeResult } from './complete-result.js'
import { readInputResponses } from './input-responses.js'
import { ModernCall } from './modern-call.js'
import type { ModernReply } from './modern-reply.js'
import type { ModernRequest } from './modern-request.js'
import { ModernSubscription } from './modern-subscription.js'
import { ParkedCalls, type ParkedCallsOptions } from './parked-calls.js'
import { requestDigest, SealedState } from './sealed-state.js'

/** What a modern client waits for; to be told when that client goes away. */
export interface ModernExchange {
  left(reply: ModernReply): void
}

/**
 * Serves requests of the modern era (2026-07-28) from servers of any other. A call whose server has questions ends the
 * request with `input_required`; it stays in the server, and the client's retry goes on with it (MCP M20). Headers are
 * for the caller to check.
 *
 * @param options how many calls may wait for their clients, and for how long
 * @see MCP 2026-07-28, multi round-trip requests
 * @example
 * ```ts
 * const client = modernClient({ maxParkedCalls: 100 })
 * function serve(body: Uint8Array, method: string, server: Omit<ModernServing, 'request'>) {
 *   return client.serve({ ...server, request: readModernRequest(body, method) })
 * }
 * ```
 */
export function modernClient(options: ParkedCallsOptions = {}): ModernClient {
  return new Adapter(options)
}

/** What is served and to whom. */
export interface ModernServing {
  readonly server: EraServer
  readonly info: EraServerInfo
  readonly request: ModernRequest
  readonly owner: Owner
  readonly reply: ModernReply
  /** Hears once that the server is not needed any more; while a call is parked it is. */
  over(): void
}

/** The client side of a translation for modern clients. */
export interface ModernClient {
  /** Calls that wait for their clients. */
  readonly parkedCalls: number
  /** Answers a request that is no retry. */
  serve(serving: ModernServing): ModernExchange
  /**
   * Gives the answers that a retry brings to the call that waits for them. Where no call can be told from the
   * `requestState`, the client hears that it has to start again; who it was meant for stays untouched (MCP M20).
   */
  resume(request: ModernRequest, owner: Owner, reply: ModernReply): Promise<ModernExchange | undefined>
  /** Ends the calls that wait for their clients. */
  close(): void
}

class Adapter implements ModernClient {
  readonly #parked: ParkedCalls<ModernCall>
  readonly #sealed: SealedState = new SealedState()

  constructor(options: ParkedCallsOptions = {}) {
    this.#parked = new ParkedCalls(options)
  }

  get parkedCalls(): number {
    return this.#parked.size
  }

  serve({ server, info, request, owner, reply, over }: ModernServing): ModernExchange {
    const { method, id } = request
    if (method === 'subscriptions/listen') return new ModernSubscription(server, request, reply, over)
    // What a legacy connection needs for itself must not be disturbed
    if (method !== 'server/discover' && !isLegacyMethod(method)) {
      const host = { parked: this.#parked, sealed: this.#sealed, serverInfo: info.serverInfo, over }
      const call = new ModernCall(request, owner, reply, host)
      call.run(server)
      return call
    }
    const found =
      method === 'server/discover' ? completeResult(id, method, discovered(info), info.serverInfo) : undefined
    if (found === undefined) {
      const { error, code } = failed(`Revision ${request.protocolVersion} has no ${method}`, errorCodes.methodNotFound)
      reply.answered(rawResponse(id, { error }), code)
    } else {
      reply.answered(found)
    }
    over()
    return { left: () => undefined }
  }

  async resume(request: ModernRequest, owner: Owner, reply: ModernReply): Promise<ModernExchange | undefined> {
    try {
      return await this.#resumed(request, owner, reply)
    } catch (refusal) {
      if (!isRefusal(refusal)) throw refusal
      const { error, code } = failed(refusal.description, Number(refusal.code))
      reply.answered(rawResponse(request.id, { error }), code)
      return undefined
    }
  }

  /** @throws {Refusal} for a retry that fits no call that waits */
  async #resumed(request: ModernRequest, owner: Owner, reply: ModernReply): Promise<ModernExchange> {
    const { method, params, requestState, inputResponses } = request
    const binding = { ...owner, digest: await requestDigest(method, params) }
    const opened = typeof requestState === 'string' ? await this.#sealed.open(requestState, binding) : undefined
    const call = opened && this.#parked.get(opened.call)
    if (call === undefined || call.round !== opened?.round || !isSameOwner(call.owner, owner)) {
      throw new Refusal(400, errorCodes.invalidParams, startAgain)
    }
    const responses = readInputResponses(inputResponses, call.questions)
    this.#parked.take(call.id)
    call.resume(request, responses, reply)
    return call
  }

  close(): void {
    this.#parked.close()
  }
}

// One text for all that can be wrong: what is another user's must not be told from what was never there
const startAgain =
  '"requestState" does not open: it was used or changed, has expired, or is of another user, another request or another ' +
  'process; send the request again without "requestState" and "inputResponses"'

function discovered({ capabilities, instructions }: EraServerInfo): Uint8Array {
  const more = instructions === undefined ? [] : [',"instructions":', instructions]
  return rawJson(`{"supportedVersions":${JSON.stringify(modernVersions)},"capabilities":`, capabilities, ...more, '}')
}
