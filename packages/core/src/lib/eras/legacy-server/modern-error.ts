import { rawJson } from '../../json/raw-json.js'
import { withValue } from '../../json/with-value.js'
import { errorCodes } from '../../protocol/error-codes.js'
import type { EraFailure } from '../era-failure.js'
import { membersOf } from '../members-of.js'

/** Codes of the legacy era that the modern one has given up. */
const codes: Readonly<Record<number, number>> = {
  // "Resource not found" is a wrong parameter
  [errorCodes.resourceNotFound]: errorCodes.invalidParams,
  // "A page has to be visited first" is a question now; what is left of it is that the call failed
  [errorCodes.urlElicitationRequired]: errorCodes.internalError,
}

/** The error with a code that the modern era knows; text and data stay as they are. */
export function modernError(failure: EraFailure): EraFailure {
  const code = codes[failure.code]
  const { code: span } = code === undefined ? {} : membersOf(failure.error, ['code'])
  if (code === undefined || span === undefined) return failure
  return { code, error: withValue(failure.error, span, rawJson(String(code))) }
}
