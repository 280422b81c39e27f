const pattern = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}$/

/** The ids in a header `traceparent`; `undefined` where it is none. @see W3C Trace Context section 3.2 */
export function traceOf(header: string | undefined): { readonly traceId: string; readonly spanId: string } | undefined {
  const [, traceId, spanId] = (header !== undefined && pattern.exec(header)) || []
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId }
}
