import type { Context } from '../contract/handler.js'
import type { Message, MessageTransform } from '../contract/message.js'
import { jsonRpcErrorBody } from '../http/json-rpc-error.js'

/**
 * Lets every transform of the context see, and change, one message on its way to the client. Whoever ends the chain (bridge,
 * proxy, local server) calls it once per message, before the message enters a replay history. The transform that was
 * registered last, by the innermost middleware, is first. A response that a transform holds back becomes an error response,
 * so that the client does not wait forever.
 *
 * @returns the message to send, or `undefined` when a request or notification is held back; a promise only when a transform
 *   gave one
 */
export function applyTransforms(
  context: Context,
  message: Message,
): Message | undefined | Promise<Message | undefined> {
  const transforms = context.transforms
  return transforms === undefined || transforms.length === 0 ? message : run(transforms, transforms.length - 1, message)
}

function run(
  transforms: readonly MessageTransform[],
  last: number,
  first: Message,
): Message | undefined | Promise<Message | undefined> {
  let message = first
  for (let index = last; index >= 0; index--) {
    const seen = transforms[index]?.(message)
    if (isPromise(seen)) {
      const before = message
      return Promise.resolve(seen).then((value) => {
        const after = value ?? withheld(before)
        return after === undefined ? undefined : run(transforms, index - 1, after)
      })
    }
    const after = seen ?? withheld(message)
    if (after === undefined) return undefined
    message = after
  }
  return message
}

/** A transform is the application's, whose promises may be of another library or realm. */
function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function withheld(message: Message): Message | undefined {
  if (message.kind !== 'response') return undefined
  return message.with(jsonRpcErrorBody({ status: 403, message: 'The answer was withheld by policy', id: message.id }))
}
