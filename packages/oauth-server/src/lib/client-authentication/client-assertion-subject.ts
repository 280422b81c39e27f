import { decodeJwt, errors } from 'jose'

/** Whom an assertion is about, before anything of it is believed. */
export function readAssertionSubject(assertion: string): string | undefined {
  try {
    const { sub } = decodeJwt(assertion)
    return typeof sub === 'string' ? sub : undefined
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}
