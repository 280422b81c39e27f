import { isRefusal, type Refusal } from '../../contract/refusal.js'
import { at, parseSpan, rawJson } from '../../json/raw-json.js'
import { metaKeys } from '../../protocol/meta-keys.js'
import { type EraFailure, failed } from '../era-failure.js'
import type {
  EraAnswer,
  EraCaller,
  EraLink,
  EraNotification,
  EraRequest,
  EraServer,
  EraServerInfo,
  RawJson,
} from '../era-server.js'
import { membersOf } from '../members-of.js'
import { gatewayItself, modernParams, ownParams } from '../modern-envelope.js'
import { gatherInput, unfulfilled } from './gather-input.js'
import { listen } from './modern-listen.js'
import { readModernResult } from './modern-result.js'
import { Negotiated } from './negotiated.js'

/** How a modern server is treated. */
export interface ModernServerOptions {
  /**
   * How often in a row one request may ask its client for input.
   *
   * @default 10
   */
  readonly maxRounds?: number
  /**
   * How many things it may ask at once.
   *
   * @default 32
   */
  readonly maxQuestions?: number
}

/**
 * Makes an {@link EraServer} of a server of the modern era, in the newest revision that it has in common with us: it writes who asks into each request, takes
 * what the era adds out of the results, and turns `input_required` into questions for the client, whose answers it
 * sends with the same request anew. It does not translate error codes: that is for the client's side.
 *
 * @see MCP 2026-07-28, multi round-trip requests and `subscriptions/listen`; rules M11, M18 to M21
 * @example
 * ```ts
 * function toLegacyClients(link: EraLink, principal: string, send: (message: Uint8Array) => void) {
 *   return legacyClient(modernServer(link), { principal, notified: send })
 * }
 * ```
 */
export function modernServer(link: EraLink, options: ModernServerOptions = {}): EraServer {
  const { maxRounds = 10, maxQuestions = 32 } = options
  const negotiated = new Negotiated()
  let info: Promise<EraServerInfo | EraFailure> | undefined
  let freshUntil = 0
  link.listener = { notified: () => undefined, asked: refuseToAsk, ended: () => undefined }

  const discover = async (): Promise<EraServerInfo | EraFailure> => {
    const answer = await negotiated.ask((version) =>
      send(link, version, { method: 'server/discover', params: ownParams(version) }),
    )
    if ('error' in answer) return answer
    const found = readDiscovered(answer.result.slice())
    if (found === undefined) return failed('The server does not say what it is')
    freshUntil = performance.now() + found.ttl
    return found.info
  }

  return {
    discover: () => {
      if (info === undefined || performance.now() >= freshUntil) {
        // Those who ask at one time share the question; one that failed is asked again
        freshUntil = Number.POSITIVE_INFINITY
        info = discover().then((found) => {
          if ('error' in found) freshUntil = 0
          return found
        })
      }
      return info
    },
    call: async (request, caller) => {
      const { method, params } = request
      let more: Uint8Array | undefined
      for (let round = 0; ; round++) {
        const answer = await negotiated.ask((version) =>
          send(link, version, { method, params: modernParams(version, params, caller, more) }, caller),
        )
        if ('error' in answer || caller.signal.aborted) return answer
        const read = readModernResult(answer.result, method)
        if (read.type !== 'input_required') return { result: read.result }
        try {
          if (round === maxRounds) throw unfulfilled(`it still asked after ${maxRounds} rounds`)
          more = await gatherInput(answer.result, read, caller, maxQuestions)
        } catch (refusal) {
          if (!isRefusal(refusal)) throw refusal
          return caller.signal.aborted ? cancelled : refusalAnswer(method, refusal)
        }
        if (caller.signal.aborted) return cancelled
      }
    },
    notify: (notification) => link.notify(notification),
    subscribe: (filter, on, signal) => listen(link, negotiated, { filter, on, signal }),
  }
}

/** What a request comes to whose questions got no answers: a tool tells the model, everything else the program. */
function refusalAnswer(method: string, { code, description: text }: Refusal): EraAnswer {
  if (method !== 'tools/call') return failed(text, Number(code))
  return { result: rawJson(JSON.stringify({ content: [{ type: 'text', text }], isError: true })) }
}

const cancelled = failed('The request was cancelled')
const refused = failed('A server of this revision asks in its results')

function refuseToAsk(_request: EraRequest, answer: (answer: EraAnswer) => void): () => void {
  answer(refused)
  return () => undefined
}

function send(link: EraLink, protocolVersion: string, request: EraRequest, caller?: EraCaller): Promise<EraAnswer> {
  return new Promise((resolve) => {
    const { signal } = caller ?? {}
    if (signal?.aborted === true) {
      resolve(cancelled)
      return
    }
    const leave = () => {
      cancel('The client cancelled the request')
      resolve(cancelled)
    }
    const answered = (answer: EraAnswer) => {
      signal?.removeEventListener('abort', leave)
      resolve(answer)
    }
    const related = (notification: EraNotification) => caller?.notify(notification)
    const principal = caller?.principal ?? gatewayItself
    const cancel = link.request(request, { principal, protocolVersion, related, answered })
    signal?.addEventListener('abort', leave, { once: true })
  })
}

function readDiscovered(result: RawJson): { readonly info: EraServerInfo; readonly ttl: number } | undefined {
  if (result[0] !== 0x7b) return undefined
  const found = membersOf(result, ['supportedVersions', 'capabilities', 'instructions', 'ttlMs', '_meta'])
  const { capabilities, instructions, _meta: meta } = found
  const versions = parseSpan(result, found.supportedVersions)
  if (!Array.isArray(versions) || capabilities === undefined || result[capabilities.start] !== 0x7b) return undefined
  const { [metaKeys.serverInfo]: serverInfo } =
    meta === undefined || result[meta.start] !== 0x7b ? {} : membersOf(at(result, meta), [metaKeys.serverInfo])
  const ttl = parseSpan(result, found.ttlMs)
  return {
    info: {
      versions,
      capabilities: at(result, capabilities),
      ...(serverInfo === undefined || meta === undefined ? {} : { serverInfo: at(at(result, meta), serverInfo) }),
      ...(instructions === undefined ? {} : { instructions: at(result, instructions) }),
    },
    ttl: typeof ttl === 'number' ? ttl : 0,
  }
}
