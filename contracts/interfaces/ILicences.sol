// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev What one unit of a licence gives.
/// Hold: access for as long as it is held. Period: seconds of access from redemption. Use: a number of uses.
enum LicenceKind {
    Hold,
    Period,
    Use
}

/// @dev The terms of a licence. Only the price may change later; what was sold keeps all of them.
struct LicenceTerms {
    /// Price of one unit in the smallest unit of the payment token.
    uint96 price;
    /// Index of the payment token; 0 is the native coin.
    uint8 paymentToken;
    LicenceKind kind;
    /// Seconds for Period, uses for Use, 0 for Hold.
    uint32 amount;
    /// Most units that may ever be issued; 0 for no cap.
    uint32 cap;
    /// Most units that one account may take; 0 for no limit.
    uint16 limit;
}

/// @dev A licence as stored: one slot.
struct Licence {
    uint96 price;
    uint32 amount;
    uint32 cap;
    /// Units issued, counted for capped licences only.
    uint32 issued;
    uint16 limit;
    uint8 paymentToken;
    LicenceKind kind;
    bool open;
}

/// @dev What an account holds of one licence.
struct Access {
    /// True if the account has access at this moment.
    bool active;
    /// Period: access ends at this time (seconds since 1970).
    uint48 expiresAt;
    /// Use: uses left.
    uint64 uses;
    /// Hold: held directly, without a token.
    bool held;
    /// Units taken directly, and as tokens where the licence has a limit.
    uint32 taken;
    /// Balance of the licence's datatoken, 18 decimals.
    uint256 tokens;
}

/// @dev A holder's signed word that uses may be consumed, given to a service.
struct Receipt {
    uint256 assetId;
    uint8 licence;
    /// The holder, who signs (EIP-712, or ERC-1271 for a contract).
    address account;
    uint32 uses;
    /// The only account that may hand the receipt in; zero for any.
    address service;
    /// What the uses are for, such as the digest of a job.
    bytes32 ref;
    /// High 192 bits a key of the holder's choice, low 64 bits the count within that key.
    uint256 nonce;
    /// Not valid after this time (seconds since 1970).
    uint48 deadline;
}

/// @dev What a sale costs and who gets it; filled by the registry for its marketplace.
struct Charge {
    /// Payment token; zero for the native coin.
    address token;
    uint256 total;
    address payout;
    /// Who receives the royalty of the ancestors; zero if none.
    address royaltyTo;
    uint256 royalty;
}

/// @title Licences: offers of access, the grants and datatokens they issue, and their consumption.
interface ILicences {
    /* EVENTS */

    /// @notice A licence was added to an asset; licences are numbered from 0.
    event LicenceAdded(uint256 indexed assetId, uint256 licence, LicenceTerms terms);

    /// @notice A licence got a new price or was opened or closed.
    event LicenceChanged(uint256 indexed assetId, uint256 licence, uint96 price, bool open);

    /// @notice Units of a licence were issued to an account: as direct access or as datatokens.
    event LicenceIssued(
        uint256 indexed assetId, uint256 licence, address indexed account, uint256 units, bool asTokens
    );

    /// @notice Datatokens of `from` were burned for access of `account`.
    event TokensRedeemed(
        uint256 indexed assetId, uint256 licence, address indexed account, address from, uint256 units
    );

    /// @notice Uses were consumed; `service` handed the receipt in, or is the holder.
    event UsesConsumed(
        uint256 indexed assetId,
        uint256 licence,
        address indexed account,
        address indexed service,
        uint256 uses,
        bytes32 ref
    );

    /// @notice The next receipt of a nonce key is worthless.
    event ReceiptCancelled(address indexed account, uint192 key, uint64 nonce);

    /* ERRORS */

    /// @dev The asset has no licence of this number.
    error LicenceNotFound(uint256 assetId, uint256 licence);

    /// @dev An asset has at most this many licences.
    error TooManyLicences(uint256 assetId, uint256 maximum);

    /// @dev Hold takes the amount 0, Period and Use take more.
    error InvalidLicenceAmount(LicenceKind kind, uint256 amount);

    /// @dev There is no payment token of this index, or the registry takes no payment in it any more.
    error PaymentTokenNotAllowed(uint256 index);

    /// @dev The asset is suspended, retired or delisted: nothing new is issued.
    error NotForSale(uint256 assetId);

    /// @dev The licence was closed by its seller.
    error LicenceClosed(uint256 assetId, uint256 licence);

    /// @dev Issuing is for one unit or more.
    error NoUnits();

    /// @dev More units than the cap leaves.
    error CapExceeded(uint256 assetId, uint256 licence, uint256 units, uint256 left);

    /// @dev More units than one account may take.
    error LimitExceeded(uint256 assetId, uint256 licence, address account, uint256 units, uint256 left);

    /// @dev A licence with a limit is taken for oneself: else a stranger could use up an account's share.
    error OnlyForOneself(address account, address buyer);

    /// @dev The account holds the licence already; a second unit would give nothing.
    error AlreadyHeld(uint256 assetId, uint256 licence, address account);

    /// @dev Access for the zero address would be lost.
    error InvalidAccount(address account);

    /// @dev Hold licences give access while the token is held, Period and Use when it is redeemed.
    error NotRedeemable(uint256 assetId, uint256 licence);

    /// @dev Only licences of the kind Use are consumed.
    error NotConsumable(uint256 assetId, uint256 licence);

    /// @dev Fewer uses are left than asked for.
    error NotEnoughUses(uint256 assetId, uint256 licence, address account, uint256 uses, uint256 left);

    /// @dev The receipt's deadline has passed.
    error ReceiptExpired(uint256 deadline);

    /// @dev The receipt was written for another service.
    error WrongService(address service, address caller);

    /// @dev The signature is not the holder's over this receipt on this chain and registry.
    error InvalidReceiptSignature(address account);

    /// @dev Only the marketplace may sell.
    error NotMarketplace(address caller);

    /* OFFERS */

    /// @notice Offer a further licence. For the owner or a seller.
    /// @return licence Its number.
    function addLicence(uint256 assetId, LicenceTerms calldata terms) external returns (uint256 licence);

    /// @notice Change the price of one unit, in the same payment token. For the owner or a seller.
    function setPrice(uint256 assetId, uint256 licence, uint96 price) external;

    /// @notice Close a licence to new buyers or open it again. For the owner or a seller.
    function setOpen(uint256 assetId, uint256 licence, bool open) external;

    /* ISSUING */

    /// @notice Give units of a licence for nothing. For the owner or a minter.
    /// @param asTokens True for transferable datatokens, false for access bound to the account.
    function grant(uint256 assetId, uint256 licence, address account, uint32 units, bool asTokens) external;

    /// @notice Issue units that the caller charges for. For the marketplace.
    /// @param buyer Who pays.
    function sell(
        uint256 assetId,
        uint256 licence,
        address account,
        uint32 units,
        bool asTokens,
        address buyer
    ) external returns (Charge memory);

    /* USING */

    /// @notice Burn one's own datatokens, `units` whole ones, for access of `account`.
    function redeem(uint256 assetId, uint256 licence, uint32 units, address account) external;

    /// @notice Consume one's own uses.
    /// @param ref What they are for.
    function consume(uint256 assetId, uint256 licence, uint32 uses, bytes32 ref) external;

    /// @notice Consume the uses of a holder who signed for it. Each receipt works once.
    function consumeWithReceipt(Receipt calldata receipt, bytes calldata signature) external;

    /// @notice Make the next receipt of a nonce key worthless before it is handed in.
    function cancelReceipt(uint192 key) external;

    /* VIEWS */

    /// @notice True if `account` may open the asset now, under any of its licences.
    /// @dev Reads every licence; a contract that gates on one licence should ask `accessOf`.
    function hasAccess(uint256 assetId, address account) external view returns (bool);

    /// @notice What `account` holds of one licence.
    function accessOf(uint256 assetId, uint256 licence, address account) external view returns (Access memory);

    /// @notice One licence of an asset.
    function licenceOf(uint256 assetId, uint256 licence) external view returns (Licence memory);

    /// @notice All licences of an asset, by number.
    function licencesOf(uint256 assetId) external view returns (Licence[] memory);

    /// @notice What units of a licence cost now, as `sell` would charge it.
    function quote(uint256 assetId, uint256 licence, uint32 units) external view returns (Charge memory);

    /// @notice The address of the licence's ERC-20, whether it is deployed yet or not.
    function datatokenOf(uint256 assetId, uint256 licence) external view returns (address);

    /// @notice The contract that datatokens are clones of.
    function datatokenImplementation() external view returns (address);

    /// @notice The EIP-712 hash that the holder signs.
    function hashReceipt(Receipt calldata receipt) external view returns (bytes32);
}
