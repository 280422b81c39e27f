import { at, parseSpan, rawJson } from '../../json/raw-json.js'
import { withoutMembers } from '../../json/without-members.js'
import { metaKeys } from '../../protocol/meta-keys.js'
import { failed } from '../era-failure.js'
import type { EraFilter, EraLink, EraNotification, EraServer, RawJson } from '../era-server.js'
import { membersOf } from '../members-of.js'
import { gatewayItself, ownParams } from '../modern-envelope.js'

/** Opens one `subscriptions/listen` (MCP M21). */
export function listen(
  link: EraLink,
  filter: EraFilter,
  on: (notification: EraNotification) => void,
  signal: AbortSignal,
): ReturnType<EraServer['subscribe']> {
  return new Promise((resolve) => {
    let close: () => void = () => undefined
    const closed = new Promise<void>((settle) => {
      close = settle
    })
    const cancel = link.request(
      { method: 'subscriptions/listen', params: ownParams(rawJson(`"notifications":${JSON.stringify(filter)},`)) },
      {
        principal: gatewayItself,
        related: ({ method, params }) => {
          if (signal.aborted) return
          // MCP M21: it comes first
          if (method !== 'notifications/subscriptions/acknowledged') {
            on({ method, ...(params === undefined ? {} : { params: untagged(params) }) })
            return
          }
          const granted =
            params === undefined ? undefined : parseSpan(params, membersOf(params, ['notifications']).notifications)
          resolve({ granted: (granted ?? {}) as EraFilter, closed })
        },
        answered: (answer) => {
          resolve('error' in answer ? answer : failed('The server ended the subscription at once'))
          close()
        },
      },
    )
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
