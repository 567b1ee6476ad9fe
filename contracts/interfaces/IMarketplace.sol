// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ISeller, Permit} from "./ISeller.sol";

/// @dev What a buyer orders.
struct Order {
    uint256 assetId;
    uint256 licence;
    /// Who gets the access or the tokens.
    address account;
    uint32 units;
    /// The most that the buyer will pay in all, fee and royalty included.
    uint256 maxTotal;
    /// The document that the buyer saw: sha2-256 of the DDO, or the collection's root for an item that is not minted; zero
    /// for any.
    bytes32 digest;
}

/// @dev What a sale costs and who gets it: the payout receives what the fee and the royalty leave of the total.
struct Charge {
    /// Payment token; zero for the native coin.
    address token;
    uint256 total;
    uint256 fee;
    address treasury;
    uint256 royalty;
    /// Who receives the royalty of the ancestors; zero if none.
    address royaltyTo;
    address payout;
}

/// @title Marketplace: sells licences and passes the money on in the same transaction.
/// @notice The price goes to the treasury (fee), the ancestors (royalty) and the payout. Nothing stays here.
interface IMarketplace is ISeller {
    /* EVENTS */

    /// @notice A licence was sold. The payout received `total - fee - royalty`.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param buyer Who paid.
    /// @param token What was paid in; zero for the native coin.
    /// @param total The price in all.
    /// @param fee What the treasury received of it.
    /// @param royalty What the ancestors received of it.
    event Sale(
        uint256 indexed assetId,
        uint256 licence,
        address indexed buyer,
        address token,
        uint256 total,
        uint256 fee,
        uint256 royalty
    );

    /* BUYING */

    /// @notice Buy access that is bound to `order.account`.
    /// @dev Native coin beyond the total returns to the buyer.
    /// @param order What is bought.
    function buyAccess(Order calldata order) external payable;

    /// @notice Buy transferable datatokens.
    /// @dev Native coin beyond the total returns to the buyer.
    /// @param order What is bought.
    function buyTokens(Order calldata order) external payable;

    /// @notice As `buyAccess`, approving the payment by signature.
    /// @dev A permit that somebody else has spent already does no harm: the allowance it gave is used.
    /// @param order What is bought.
    /// @param permit The approval of this contract.
    function buyAccessWithPermit(Order calldata order, Permit calldata permit) external;

    /// @notice As `buyTokens`, approving the payment by signature.
    /// @param order What is bought.
    /// @param permit The approval of this contract.
    function buyTokensWithPermit(Order calldata order, Permit calldata permit) external;

    /* VIEWS */

    /// @notice What units of a licence cost now.
    /// @param assetId The asset.
    /// @param licence The number of the licence.
    /// @param units How many.
    /// @return The total, and who would get which part of it.
    function quote(uint256 assetId, uint256 licence, uint32 units) external view returns (Charge memory);
}
