/** What the pages of an address tell about where a form comes from. */
export interface OwnFormOptions {
  /**
   * Whether the pages are sent with `Referrer-Policy: no-referrer`: browsers then write `Origin: null` into their forms,
   * which is let through, as is a form that somebody typed. Something else has to bind such a form to its browser, such as the cookie
   * of its step.
   */
  readonly withoutReferrer?: boolean
}

/**
 * Whether a form was sent from a page of this origin, and not from another site.
 *
 * @param origin as browsers send it: scheme, host and port
 * @see W3C Fetch Metadata, section 2.3
 */
export function isOwnForm(
  { headers }: Request,
  origin: string,
  { withoutReferrer = false }: OwnFormOptions = {},
): boolean {
  const site = headers.get('sec-fetch-site')
  const from = headers.get('origin')
  if (!withoutReferrer) return site === null ? from === origin : site === 'same-origin'
  const isOwnSite = site === null || site === 'same-origin' || site === 'none'
  return isOwnSite && (from === null || from === 'null' || from === origin)
}
