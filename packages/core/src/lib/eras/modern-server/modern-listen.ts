import { at, parseSpan, rawJson } from '../../json/raw-json.js'
import { withoutMembers } from '../../json/without-members.js'
import { metaKeys } from '../../protocol/meta-keys.js'
import { failed } from '../era-failure.js'
import type { EraAnswer, EraFilter, EraLink, EraNotification, EraServer, RawJson } from '../era-server.js'
import { membersOf } from '../members-of.js'
import { gatewayItself, ownParams } from '../modern-envelope.js'
import type { Negotiated } from './negotiated.js'

/** What a client listens to. */
interface Subscription {
  readonly filter: EraFilter
  readonly on: (notification: EraNotification) => void
  readonly signal: AbortSignal
}

/** Opens one `subscriptions/listen` (MCP M21). */
export function listen(
  link: EraLink,
  negotiated: Negotiated,
  { filter, on, signal }: Subscription,
): ReturnType<EraServer['subscribe']> {
  return new Promise((resolve) => {
    let close: () => void = () => undefined
    const closed = new Promise<void>((settle) => {
      close = settle
    })
    let cancel: (reason: string) => void = () => undefined
    const related = ({ method, params }: EraNotification) => {
      if (signal.aborted) return
      // MCP M21: it comes first
      if (method !== 'notifications/subscriptions/acknowledged') {
        on({ method, ...(params === undefined ? {} : { params: untagged(params) }) })
        return
      }
      const granted =
        params === undefined ? undefined : parseSpan(params, membersOf(params, ['notifications']).notifications)
      resolve({ granted: (granted ?? {}) as EraFilter, closed })
    }
    const more = rawJson(`"notifications":${JSON.stringify(filter)},`)
    const send = (protocolVersion: string) =>
      new Promise<EraAnswer>((answered) => {
        if (signal.aborted) return
        const request = { method: 'subscriptions/listen', params: ownParams(protocolVersion, more) }
        cancel = link.request(request, { principal: gatewayItself, protocolVersion, related, answered })
      })
    void negotiated.ask(send).then((answer) => {
      resolve('error' in answer ? answer : failed('The server ended the subscription at once'))
      close()
    })
    signal.addEventListener(
      'abort',
      () => {
        cancel('Nobody listens any more')
        resolve(failed('Nobody listens any more'))
        close()
      },
      { once: true },
    )
  })
}

/** `params` without the mark of the subscription, which is the link's. */
function untagged(params: RawJson): RawJson {
  const { _meta: meta } = membersOf(params, ['_meta'])
  if (meta === undefined || params[meta.start] !== 0x7b) return params
  const rest = withoutMembers(at(params, meta), (key) => key === metaKeys.subscriptionId)
  const lean = withoutMembers(params, (key) => key === '_meta')
  if (rest.length === 2) return lean
  return lean.length === 2 ? rawJson('{"_meta":', rest, '}') : rawJson('{"_meta":', rest, ',', lean.subarray(1))
}
