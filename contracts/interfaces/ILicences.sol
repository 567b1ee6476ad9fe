// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev What one unit of a licence gives.
/// Hold: access for as long as it is held. Period: seconds of access from redemption. Use: a number of uses.
/// Stream: access by the second, of which the contract that the licence names keeps account.
enum LicenceKind {
    Hold,
    Period,
    Use,
    Stream
}

/// @dev The terms of a licence. Only the price may change later; what was sold keeps all of them.
struct LicenceTerms {
    /// Price of one unit in the smallest unit of the payment token; of `amount` seconds for Stream.
    uint96 price;
    /// Index of the payment token; 0 is the native coin.
    uint8 paymentToken;
    LicenceKind kind;
    /// Seconds for Period and Stream, uses for Use, 0 for Hold.
    uint32 amount;
    /// Most units that may ever be issued; 0 for no cap, and for Stream.
    uint32 cap;
    /// Most units that one account may take; 0 for no limit, and for Stream.
    uint16 limit;
    /// Seconds of the smallest stay, which are not refunded, for Stream; 0 for all else.
    uint24 minimum;
    /// The contract that sells it and says who has access, for good, for Stream; zero for all else.
    address streams;
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
    /// Seconds of the smallest stay, for Stream.
    uint24 minimum;
}

/// @dev What an account holds of one licence.
struct Access {
    /// True if the account has access at this moment.
    bool active;
    /// Period, Stream: access ends at this time (seconds since 1970).
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

/// @dev What a seller sells.
struct Issue {
    uint256 assetId;
    uint256 licence;
    /// Who gets it.
    address account;
    /// Of a Stream, seconds.
    uint32 units;
    /// True for transferable datatokens, false for access bound to the account.
    bool asTokens;
    /// Who pays.
    address buyer;
    /// The document that the buyer saw, or the collection's root for an item that is not minted; zero for any.
    bytes32 digest;
}

/// @dev What a sale is made of: a seller works out from it what is to be paid to whom. All zero for what is free.
struct Offer {
    /// Payment token; zero for the native coin.
    address token;
    /// Price of one unit; of the seconds that the licence says, for Stream.
    uint256 price;
    address payout;
    /// What the ancestors are owed, in basis points, and who receives it for them; zero if there are none.
    uint256 royaltyBps;
    address royaltyTo;
    /// The fee in basis points, and who receives it.
    uint256 feeBps;
    address treasury;
}

/// @title Licences: offers of access, the grants and datatokens they issue, and their consumption.
interface ILicences {
    /* EVENTS */

    /// @notice A licence was added to an asset; licences are numbered from 0.
    /// @param assetId The asset.
    /// @param licence Its number.
    /// @param terms Its terms.
    event LicenceAdded(uint256 indexed assetId, uint256 licence, LicenceTerms terms);

    /// @notice A licence got a new price or was opened or closed.
    /// @param assetId The asset.
    /// @param licence Its number.
    /// @param price Price of one unit from now on.
    /// @param open Whether it is sold from now on.
    event LicenceChanged(uint256 indexed assetId, uint256 licence, uint96 price, bool open);

    /// @notice Units of a licence were issued to an account.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account Who got them.
    /// @param units How many.
    /// @param asTokens True for datatokens, false for direct access.
    event LicenceIssued(
        uint256 indexed assetId, uint256 licence, address indexed account, uint256 units, bool asTokens
    );

    /// @notice Datatokens were burned for access.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account Who got the access.
    /// @param from Whose tokens they were.
    /// @param units How many whole tokens.
    event TokensRedeemed(
        uint256 indexed assetId, uint256 licence, address indexed account, address from, uint256 units
    );

    /// @notice Uses were consumed.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account Whose uses they were.
    /// @param service Who handed the receipt in, or the account itself.
    /// @param uses How many.
    /// @param ref What they are for.
    event UsesConsumed(
        uint256 indexed assetId,
        uint256 licence,
        address indexed account,
        address indexed service,
        uint256 uses,
        bytes32 ref
    );

    /* ERRORS */

    /// @dev The asset has no licence of this number.
    error LicenceNotFound(uint256 assetId, uint256 licence);

    /// @dev An asset has at most this many licences; the later half of the numbers is for the owner to use up.
    error TooManyLicences(uint256 assetId, uint256 maximum);

    /// @dev Hold takes the amount 0, all else takes more.
    error InvalidLicenceAmount(LicenceKind kind, uint256 amount);

    /// @dev There is no payment token of this index, or the registry takes no payment in it any more.
    error PaymentTokenNotAllowed(uint256 index);

    /// @dev The asset is suspended, retired or delisted: nothing new is issued.
    error NotForSale(uint256 assetId);

    /// @dev The licence was closed by its seller.
    error LicenceClosed(uint256 assetId, uint256 licence);

    /// @dev The asset's document is not the one that the buyer named.
    error OtherDocument(uint256 assetId, bytes32 named, bytes32 actual);

    /// @dev The cap is the collection's: units of an item are sold within it, and not given away.
    error CapOfCollection(uint256 item, uint256 licence);

    /// @dev A Stream is neither given away nor redeemed, and sold by nobody but the contract that it names.
    error SoldByTheSecond(uint256 assetId, uint256 licence);

    /// @dev A Stream has no cap and no limit, and nothing else has a smallest stay or a contract of its own.
    error InvalidStream(uint256 assetId, uint256 licence);

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

    /// @dev Only the registry's contract of receipts consumes the uses of others.
    error NotReceipts(address caller);

    /* OFFERS */

    /// @notice Offer a further licence. For the owner, or a seller while there are fewer than 16.
    /// @param assetId The asset.
    /// @param terms Its terms.
    /// @return licence Its number.
    function addLicence(uint256 assetId, LicenceTerms calldata terms) external returns (uint256 licence);

    /// @notice Change the price of one unit, in the same payment token. For the owner or a seller.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param price The price from now on.
    function setPrice(uint256 assetId, uint256 licence, uint96 price) external;

    /// @notice Close a licence to new buyers or open it again. For the owner or a seller.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param open Whether it is sold from now on.
    function setOpen(uint256 assetId, uint256 licence, bool open) external;

    /* ISSUING */

    /// @notice Give units of a licence for nothing. For the owner or a minter.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account Who gets them.
    /// @param units How many.
    /// @param asTokens True for transferable datatokens, false for access bound to the account.
    function grant(uint256 assetId, uint256 licence, address account, uint32 units, bool asTokens) external;

    /// @notice Issue units that the caller charges for. For sellers that the DAO named. Of a Stream nothing is written here:
    /// the caller, which is the contract that the licence names, keeps account of it.
    /// @param issue What is sold.
    /// @return What it costs, and who is to be paid.
    function sell(Issue calldata issue) external returns (Offer memory);

    /* USING */

    /// @notice Burn one's own datatokens for access.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param units How many whole tokens.
    /// @param account Who gets the access.
    function redeem(uint256 assetId, uint256 licence, uint32 units, address account) external;

    /// @notice Consume one's own uses.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param uses How many.
    /// @param ref What they are for, such as the digest of a job.
    function consume(uint256 assetId, uint256 licence, uint32 uses, bytes32 ref) external;

    /// @notice Consume the uses of a holder who signed for it. For the contract of receipts.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account The holder.
    /// @param service Who handed the receipt in.
    /// @param uses How many.
    /// @param ref What they are for.
    function consumeFor(
        uint256 assetId,
        uint256 licence,
        address account,
        address service,
        uint32 uses,
        bytes32 ref
    ) external;

    /* VIEWS */

    /// @notice True if an account may open the asset now, under any of its licences.
    /// @dev Reads every licence; a contract that gates on one licence should ask `accessOf`.
    /// @param assetId The asset.
    /// @param account The account.
    /// @return Whether it may.
    function hasAccess(uint256 assetId, address account) external view returns (bool);

    /// @notice What an account holds of one licence.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param account The account.
    /// @return What it holds, and whether that gives access now.
    function accessOf(uint256 assetId, uint256 licence, address account) external view returns (Access memory);

    /// @notice One licence of an asset.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @return The licence.
    function licenceOf(uint256 assetId, uint256 licence) external view returns (Licence memory);

    /// @notice All licences of an asset.
    /// @param assetId The asset.
    /// @return The licences, by number.
    function licencesOf(uint256 assetId) external view returns (Licence[] memory);

    /// @notice What a sale of a licence would be made of now, as `sell` would answer.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @return What it costs, and who is to be paid.
    function offerOf(uint256 assetId, uint256 licence) external view returns (Offer memory);

    /// @notice The contract that sells a Stream and says who has access.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @return Its address; zero for all else.
    function streamsOf(uint256 assetId, uint256 licence) external view returns (address);

    /// @notice The address of the licence's ERC-20, whether it is deployed yet or not.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @return The address.
    function datatokenOf(uint256 assetId, uint256 licence) external view returns (address);

    /// @notice The contract that datatokens are clones of.
    /// @return Its address.
    function datatokenImplementation() external view returns (address);
}
