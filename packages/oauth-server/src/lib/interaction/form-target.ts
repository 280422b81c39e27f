/** The content security policy source that lets a form end at this URI (CSP3 section 2.3.1, which has no IPv6 address). */
export function formTarget(uri: string): string {
  return /^https?:\/\/[^/?#;,\s'[]+/.exec(uri)?.[0] ?? `${/^[a-z][a-z0-9+.-]*/i.exec(uri)?.[0] ?? 'https'}:`
}
