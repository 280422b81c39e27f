/** The bearer token of a request's `Authorization` header (RFC 6750 section 2.1). */
export function bearerToken(request: Request): string | undefined {
  return /^bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
}
