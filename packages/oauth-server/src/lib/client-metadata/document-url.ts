/**
 * Whether a client id is the URL of a metadata document: https with a path, and in the one spelling that a URL parser
 * leaves as it is, so no dot segments, default port, upper-case host or raw non-ASCII (draft-ietf-oauth-client-id-metadata-document
 * section 3). Anything else is an unknown client, and nothing is fetched for it.
 */
export function isDocumentUrl(clientId: string): boolean {
  if (clientId.length > 2048 || !/^https:\/\/[^/?#@]+\/[^#]+$/.test(clientId)) return false
  return URL.canParse(clientId) && new URL(clientId).href === clientId
}
