// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev What a buyer orders.
struct Order {
    uint256 assetId;
    uint256 licence;
    /// Who gets the access or the tokens.
    address account;
    uint32 units;
    /// The most that the buyer will pay in all, fee and royalty included.
    uint256 maxTotal;
}

/// @dev An EIP-2612 approval of the marketplace, signed by the buyer.
struct Permit {
    uint256 value;
    uint256 deadline;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @title Marketplace: sells licences and passes the money on in the same transaction.
/// @notice The price goes to the treasury (fee), the ancestors (royalty) and the payout. Nothing stays here.
interface IMarketplace {
    /* EVENTS */

    /// @notice A licence was sold. The payout received `total - fee - royalty`.
    event Sale(
        uint256 indexed assetId,
        uint256 licence,
        address indexed buyer,
        address token,
        uint256 total,
        uint256 fee,
        uint256 royalty
    );

    /// @notice The fee on new sales changed.
    event FeeChanged(uint256 feeBps);

    /// @notice Fees go to this account from now on.
    event TreasuryChanged(address treasury);

    /// @notice New sales are paused until then; zero lets them go on.
    event SalesPaused(uint48 until);

    /* ERRORS */

    /// @dev New sales are paused by the guardian.
    error SalesArePaused(uint48 until);

    /// @dev The price is above what the buyer agreed to.
    error TotalAboveMaximum(uint256 total, uint256 maxTotal);

    /// @dev Less native coin was sent than the total.
    error ValueTooLow(uint256 value, uint256 total);

    /// @dev Native coin was sent for a licence that is priced in a token.
    error UnexpectedValue(uint256 value);

    /// @dev The receiver refused the native coin, or is the marketplace itself.
    error PaymentRefused(address receiver, uint256 amount);

    /// @dev The fee is over the hard cap.
    error FeeAboveCap(uint256 feeBps, uint256 maximum);

    /// @dev The treasury can be neither the zero address nor the marketplace.
    error InvalidTreasury(address treasury);

    /* BUYING */

    /// @notice Buy access that is bound to `order.account`.
    /// @dev Native coin beyond the total returns to the buyer.
    function buyAccess(Order calldata order) external payable;

    /// @notice Buy transferable datatokens.
    function buyTokens(Order calldata order) external payable;

    /// @notice As `buyAccess`, approving the payment by signature.
    /// @dev A permit that somebody else has spent already does no harm: the allowance it gave is used.
    function buyAccessWithPermit(Order calldata order, Permit calldata permit) external;

    /// @notice As `buyTokens`, approving the payment by signature.
    function buyTokensWithPermit(Order calldata order, Permit calldata permit) external;

    /* SETTINGS: for those whom the access manager lets */

    /// @notice Set the fee on new sales, in basis points of the price.
    function setFee(uint256 feeBps) external;

    /// @notice Set who receives the fees.
    function setTreasury(address treasury) external;

    /// @notice Pause new sales until then, or let them go on (zero).
    function pauseSales(uint48 until) external;

    /* VIEWS */

    /// @notice The fee on new sales, in basis points.
    function feeBps() external view returns (uint256);

    /// @notice Who receives the fees.
    function treasury() external view returns (address);

    /// @notice Until when new sales are paused, if that is not over.
    function salesPausedUntil() external view returns (uint48);
}
