import fc from 'fast-check'
import { expect, test } from 'vitest'
import { errorCodes, gatewayCode, isGatewayCode, isModernCode, statusOfCode } from './error-codes.js'
import { decodeHeaderValue, encodeHeaderValue } from './header-value.js'
import { clientMethods, mirroredMethods, subjectParameters } from './methods.js'
import { assumedVersion, eraOf, factsOf, publishedVersions } from './revisions.js'

test('revisions are listed once, the newest first, and the one that is assumed is among them', () => {
  expect([...new Set(publishedVersions)].sort().reverse()).toEqual(publishedVersions)
  expect(publishedVersions).toContain(assumedVersion)
})

test('a revision that is not published is taken for the last one of its era before it', () => {
  const facts = (version: string) => factsOf(version).version
  expect(['2025-12-01', 'DRAFT-2026-v1', '2027-01-01', '2025-06-20', '2020-01-01', ''].map(facts)).toEqual([
    ...['2025-11-25', '2025-11-25', '2026-07-28', '2025-06-18', '2024-10-07', '2024-10-07'],
  ])
  for (const version of publishedVersions)
    expect([facts(version), factsOf(version).era]).toEqual([version, eraOf(version)])
})

test('[L1] one revision has batches', () => {
  expect(publishedVersions.filter((version) => factsOf(version).hasBatches)).toEqual(['2025-03-26'])
})

test('[M9] every text is read from a header as it was written into it', () => {
  const asHeader = (text: string) => new Headers({ a: encodeHeaderValue(text) }).get('a') ?? ''
  const texts = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string(),
    fc.string().map((text) => `=?base64?${text}`),
  )
  fc.assert(fc.property(texts, (text) => decodeHeaderValue(asHeader(text)) === text))
})

test.each(['=?base64?%%?=', '=?base64?Zg?=', '=?base64?Zg=?=', '=?base64?gICA?='])('[M9] %s is malformed', (value) => {
  expect(decodeHeaderValue(value)).toBe(undefined)
})

test('[M14, M15] an error has the HTTP status that the modern era gives it', () => {
  expect(Object.fromEntries(Object.entries(errorCodes).map(([name, code]) => [name, statusOfCode(code)]))).toEqual({
    ...{ parseError: 400, invalidRequest: 400, methodNotFound: 404, invalidParams: 200, internalError: 200 },
    ...{ sessionNotFound: 200, resourceNotFound: 200, urlElicitationRequired: 200 },
    ...{ headerMismatch: 400, missingCapability: 400, unsupportedVersion: 400 },
  })
  expect(statusOfCode(undefined)).toBe(200)
})

test('codes of the gateway and of the modern era are told from all others', () => {
  expect([400, 404, 429, 502, 504].map((status) => isGatewayCode(gatewayCode(status)))).not.toContain(false)
  expect(Object.values(errorCodes).filter(isGatewayCode)).toEqual([])
  expect(Object.values(errorCodes).filter(isModernCode)).toEqual([-32020, -32021, -32022])
})

test('methods with a subject are methods of clients, and mirrored ones have a subject', () => {
  expect([...subjectParameters.keys()].filter((method) => !clientMethods.has(method))).toEqual([])
  expect([...mirroredMethods].filter((method) => !subjectParameters.has(method))).toEqual([])
})
