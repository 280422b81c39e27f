/**
 * The redirect URI of clients that cannot be called back, such as one on a machine without a browser: the person carries
 * the code over. Only for operators who list it in `privateUseRedirectUris`.
 */
export const outOfBand = 'urn:ietf:wg:oauth:2.0:oob'
