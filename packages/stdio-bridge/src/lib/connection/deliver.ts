import type { EraAnswer } from '@mcp-gateway/core/eras'
import { type Edit, errorCodes, member, metaKeys, type Span } from '@mcp-gateway/core/internal'
import type { ChildMessage } from '../wire/child-message.js'
import { splice } from '../wire/splice.js'
import { numberAt } from './numbers.js'
import type { Pending } from './peer.js'

/** Gives whoever waits the child's answer, under the id of the client. */
export function deliverAnswer(pending: Pending, message: ChildMessage): void {
  const { bytes, id } = message
  const code = errorCodeOf(message)
  if (pending.link !== undefined) {
    pending.link.answered(partsOf(message, code))
    return
  }
  // An error response may leave its id out, where it means null
  const edit =
    id === undefined
      ? { start: 1, end: 1, bytes: Buffer.concat([Buffer.from('"id":'), pending.id, Buffer.from(',')]) }
      : { ...id, bytes: pending.id }
  const edits: Edit[] = [edit]
  const tag = pending.method === 'subscriptions/listen' ? subscriptionTag(message, 'result') : undefined
  if (tag !== undefined) edits.push({ ...tag, bytes: pending.id })
  pending.waiter.answer(splice(bytes, edits), code)
}

/** Gives whoever waits a notification that names its request, with the client's own name for it. */
export function deliverRelated(pending: Pending, { bytes, method = '', params }: ChildMessage, edit: Edit): void {
  if (pending.link === undefined) {
    pending.waiter.related(splice(bytes, [edit]))
    return
  }
  const { start, end } = params ?? { start: 0, end: bytes.length }
  const moved = { ...edit, start: edit.start - start, end: edit.end - start }
  pending.link.related({ method, params: splice(bytes.subarray(start, end), [moved]) })
}

/** Gives whoever waits a notification that does not name its request. */
export function deliverUnasked({ link, waiter }: Pending, { bytes, method = '', params }: ChildMessage): void {
  if (link === undefined) waiter.related(bytes)
  else link.related({ method, params: params && bytes.subarray(params.start, params.end) })
}

/** Where a message says which `subscriptions/listen` it is for (MCP M21). */
export function subscriptionTag({ bytes, params, result }: ChildMessage, place: 'params' | 'result'): Span | undefined {
  return member(bytes, member(bytes, place === 'params' ? params : result, '_meta'), metaKeys.subscriptionId)
}

/** The code of an answer that is an error. */
export function errorCodeOf(message: ChildMessage): number | undefined {
  const error = errorOf(message)
  return error === undefined ? undefined : numberAt(message.bytes, member(message.bytes, error, 'code'))
}

// Some servers write both members, and null into the one that does not count
function errorOf({ bytes, result, error }: ChildMessage): Span | undefined {
  return result !== undefined && error !== undefined && bytes[error.start] === 0x6e ? undefined : error
}

function partsOf(message: ChildMessage, code: number | undefined): EraAnswer {
  const { bytes, result } = message
  const error = errorOf(message)
  const part = error ?? result
  const raw = part === undefined ? Buffer.from('null') : bytes.subarray(part.start, part.end)
  return error === undefined ? { result: raw } : { error: raw, code: code ?? errorCodes.internalError }
}
