import { rawNotification, rawResponse } from '../../json/json-rpc.js'
import { member } from '../../json/json-scan.js'
import { parseSpan, rawJson } from '../../json/raw-json.js'
import { splice } from '../../json/splice.js'
import { metaKeys } from '../../protocol/meta-keys.js'
import type { EraFilter, EraNotification, EraServer, RawJson } from '../era-server.js'
import { inFront } from './complete-result.js'
import type { ModernReply } from './modern-reply.js'
import type { ModernRequest } from './modern-request.js'

/** Resources that one listener may watch. */
const maxResources = 1000

/** One `subscriptions/listen` at a server that has no such request (MCP M21). */
export class ModernSubscription {
  readonly #aborter = new AbortController()
  readonly #id: RawJson
  readonly #reply: ModernReply
  readonly #over: () => void
  #early: EraNotification[] | undefined = []
  #isOver = false

  constructor(server: EraServer, request: ModernRequest, reply: ModernReply, over: () => void) {
    this.#id = request.id
    this.#reply = reply
    this.#over = over
    void this.#run(server, readFilter(request.params))
  }

  left(): void {
    this.#end()
  }

  async #run(server: EraServer, filter: EraFilter): Promise<void> {
    const { signal } = this.#aborter
    const subscription = await server.subscribe(filter, (notification) => this.#notified(notification), signal)
    if (this.#isOver) return
    if ('error' in subscription) {
      this.#reply.answered(rawResponse(this.#id, { error: subscription.error }), subscription.code)
      this.#end()
      return
    }
    const granted = JSON.stringify(subscription.granted)
    const params = rawJson(`{"_meta":{"${metaKeys.subscriptionId}":`, this.#id, `},"notifications":${granted}}`)
    this.#reply.related(rawNotification('notifications/subscriptions/acknowledged', params))
    const early = this.#early ?? []
    this.#early = undefined
    for (const notification of early) this.#notified(notification)
    await subscription.closed
    if (this.#isOver) return
    this.#end()
    this.#reply.lost()
  }

  #notified(notification: EraNotification): void {
    if (this.#isOver) return
    // The acknowledgement is the first message
    if (this.#early !== undefined) this.#early.push(notification)
    else this.#reply.related(rawNotification(notification.method, this.#tagged(notification.params)))
  }

  #tagged(params: RawJson | undefined): RawJson {
    const tag = rawJson(`"${metaKeys.subscriptionId}":`, this.#id)
    if (params === undefined) return rawJson('{"_meta":{', tag, '}}')
    const meta = member(params, { start: 0, end: params.length }, '_meta')
    const isObject = meta !== undefined && params[meta.start] === 0x7b
    const edit = isObject ? inFront(params, meta.start, [tag]) : inFront(params, 0, [rawJson('"_meta":{', tag, '}')])
    return splice(params, [edit], (length) => new Uint8Array(length))
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#aborter.abort()
    this.#over()
  }
}

function readFilter(params: RawJson | undefined): EraFilter {
  const all = params && parseSpan(params, { start: 0, end: params.length })
  const { notifications } = (all ?? {}) as { notifications?: Partial<Record<keyof EraFilter, unknown>> }
  const uris = notifications?.resourceSubscriptions
  return {
    ...(notifications?.toolsListChanged === true ? { toolsListChanged: true } : {}),
    ...(notifications?.promptsListChanged === true ? { promptsListChanged: true } : {}),
    ...(notifications?.resourcesListChanged === true ? { resourcesListChanged: true } : {}),
    ...(Array.isArray(uris)
      ? { resourceSubscriptions: uris.filter((uri) => typeof uri === 'string').slice(0, maxResources) }
      : {}),
  }
}
