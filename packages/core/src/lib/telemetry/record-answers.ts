import type { Middleware } from '../contract/handler.js'
import type { Message } from '../contract/message.js'
import type { RequestRecord } from '../contract/request-record.js'
import { answerOf } from '../message/recorded-answer.js'

/**
 * A middleware that writes into the record what a server answers. Where several pieces observe, the first that sees an
 * answer reads it.
 *
 * @param onAnswer is told each answer, with its message
 */
export function recordAnswers(onAnswer?: (record: RequestRecord, answer: Message) => void): Middleware {
  return (request, context, next) => {
    const { record, message: asked, transforms = [] } = context
    if (record === undefined || asked?.kind !== 'request') return next(request, context)
    const look = (message: Message) => {
      if (message.kind === 'response' && message.id === asked.id) {
        record.answer ??= answerOf(message)
        onAnswer?.(record, message)
      }
      return message
    }
    return next(request, { ...context, transforms: [...transforms, look] })
  }
}
